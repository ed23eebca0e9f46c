#include "workloads/plan.hpp"

namespace ssmprof::workloads {

std::uint64_t decode_floor_bytes(const ModelConfig& config, const ExecutionSpec& spec) {
  std::uint64_t weights = 0;
  for (const auto& tensor : expected_tensors(config)) {
    if (tensor.name == "backbone.embeddings.weight" && !config.tie_embeddings) continue;
    std::uint64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) elements *= static_cast<std::uint64_t>(extent);
    weights += elements;
  }
  std::uint64_t ssm = 0;
  std::uint64_t conv = 0;
  for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
    ssm += static_cast<std::uint64_t>(config.d_inner *
                                      config.d_state[static_cast<std::size_t>(layer)]);
    conv += static_cast<std::uint64_t>(config.conv_channels(layer) * (config.d_conv - 1));
  }
  const auto batch = static_cast<std::uint64_t>(spec.batch);
  return (weights + 2 * batch * conv) * kernels::size_of(spec.dtype) +
         2 * batch * ssm * kernels::size_of(spec.state_dtype);
}

}  // namespace ssmprof::workloads
