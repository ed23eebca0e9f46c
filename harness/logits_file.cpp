#include "harness/logits_file.hpp"

#include "reports/error.hpp"
#include "workloads/host_tensor.hpp"
#include "workloads/safetensors.hpp"

namespace ssmprof::harness {

workloads::LogitsTable read_logits(const std::filesystem::path& path,
                                   const workloads::TokenBatch& tokens, std::int64_t vocab) {
  const workloads::SafetensorsFile file(path);
  const workloads::HostTensor tensor = file.tensor("logits");
  const std::vector<std::int64_t> expected = {static_cast<std::int64_t>(tokens.size()),
                                              static_cast<std::int64_t>(tokens.at(0).size()),
                                              vocab};
  if (tensor.shape != expected) {
    throw reports::InputError(
        path.string() + ": tensor 'logits' has shape " + workloads::shape_text(tensor.shape) +
        ", expected " + workloads::shape_text(expected) + " for these tokens and this vocabulary");
  }
  return {expected[0], expected[1], expected[2], workloads::to_floats(tensor)};
}

void write_logits(const std::filesystem::path& path, const workloads::LogitsTable& logits) {
  workloads::write_safetensors(
      path,
      {{"logits", workloads::from_floats(logits.values, {logits.batch, logits.length, logits.vocab},
                                         kernels::DType::f32)}});
}

}  // namespace ssmprof::harness
