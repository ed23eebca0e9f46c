#include <algorithm>
#include <cmath>
#include <string>

#include "reports/error.hpp"
#include "workloads/checkpoint.hpp"
#include "workloads/config_json.hpp"
#include "workloads/counter_random.hpp"
#include "workloads/exact_math.hpp"
#include "workloads/hash.hpp"
#include "workloads/host_memory.hpp"
#include "workloads/parallel.hpp"

namespace ssmprof::workloads {

namespace {

constexpr std::int64_t kBlock = 1 << 18;  // elements per task
// 0.02 / sqrt(32 + 1/6), a constant so that no machine computes it differently.
constexpr double kNormalScale = 0.0035263625963054004;

/// softplus⁻¹ of a log-uniform step in [1e-3, 1e-1], at least 1e-4.
float step_bias(double uniform) {
  const double low = exact_log(1e-3);
  const double high = exact_log(1e-1);
  const double step = std::max(exact_exp(rounded_product(uniform, high - low) + low), 1e-4);
  return static_cast<float>(step + exact_log(1 - exact_exp(-step)));
}

/// One tensor's elements; element i depends on (seed, tensor name, i) alone.
class Filler {
 public:
  Filler(const ExpectedTensor& what, const ModelConfig& config, std::uint64_t seed)
      : init_(what.init), random_(seed, what.name) {
    if (init_ == Init::conv) bound_ = 1 / std::sqrt(static_cast<double>(config.d_conv));
    if (init_ != Init::a_log_mamba1) return;
    for (std::int64_t n = 1; n <= what.shape[1]; ++n) {
      row_.push_back(static_cast<float>(exact_log(static_cast<double>(n))));
    }
  }

  float operator()(std::int64_t i) const {
    const auto at = static_cast<std::uint64_t>(i);
    switch (init_) {
      case Init::normal:
        return static_cast<float>(random_.normal(at) * kNormalScale);
      case Init::ones:
        return 1;
      case Init::zeros:
        return 0;
      case Init::a_log_mamba1:
        return row_[at % row_.size()];
      case Init::a_log_mamba2:
        return static_cast<float>(exact_log(1 + rounded_product(random_.uniform(at), 15)));
      case Init::dt_bias:
        return step_bias(random_.uniform(at));
      case Init::conv:
        return static_cast<float>((random_.uniform(at) * 2 - 1) * bound_);
    }
    return 0;
  }

 private:
  Init init_;
  CounterRandom random_;
  double bound_ = 0;
  std::vector<float> row_;
};

struct Task {
  std::size_t tensor;
  std::int64_t begin, end;
};

}  // namespace

Checkpoint seeded_checkpoint(const ModelConfig& config, std::uint64_t seed, kernels::DType dtype) {
  config.validate();
  const std::vector<ExpectedTensor> expected = expected_tensors(config);
  std::uint64_t bytes = 0;
  for (const auto& item : expected) {
    std::uint64_t elements = 1;
    for (const std::int64_t extent : item.shape) elements *= static_cast<std::uint64_t>(extent);
    bytes += elements * kernels::size_of(dtype);
  }
  require_host_memory(bytes, "the weights of " + (config.name.empty() ? "the model" : config.name) +
                                 " in " + std::string(name_of(dtype)));
  Checkpoint checkpoint;
  checkpoint.config = config;
  std::vector<NewTensor> fresh;
  std::vector<Filler> fillers;
  std::vector<Task> tasks;
  for (const auto& item : expected) {
    fillers.emplace_back(item, config, seed);
    fresh.push_back(allocate_tensor(dtype, item.shape));
    const std::int64_t elements = fresh.back().tensor.elements();
    for (std::int64_t begin = 0; begin < elements; begin += kBlock) {
      tasks.push_back({fresh.size() - 1, begin, std::min(elements, begin + kBlock)});
    }
    checkpoint.tensors[item.name] = fresh.back().tensor;
  }
  parallel_for(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t at) {
    const Task& task = tasks[static_cast<std::size_t>(at)];
    const Filler& fill = fillers[task.tensor];
    std::byte* data = fresh[task.tensor].data;
    for (std::int64_t i = task.begin; i < task.end; ++i) store_element(data, i, dtype, fill(i));
  });
  checkpoint.config_hash = config_hash(config);
  checkpoint.weights_hash =
      "seeded:" + hex(hash_text("generator " + std::to_string(kGeneratorVersion) + " seed " +
                                std::to_string(seed) + " " + std::string(name_of(dtype)) + " " +
                                checkpoint.config_hash));
  return checkpoint;
}

}  // namespace ssmprof::workloads
