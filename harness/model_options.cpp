#include "harness/model_options.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <thread>

#include "harness/names.hpp"
#include "kernels/cuda_device.hpp"
#include "reports/error.hpp"
#include "workloads/presets.hpp"
#include "workloads/tokens.hpp"

namespace ssmprof::harness {
namespace {

using kernels::Device;
using kernels::DType;

const std::vector<std::pair<std::string, DType>> kDTypes = {
    {"fp32", DType::f32}, {"bf16", DType::bf16}, {"fp16", DType::f16}};

/// N of cuda:N, 0 of auto and cuda.
int parse_device_index(const std::string& text) {
  int index = 0;
  if (text == "auto" || text == "cuda") return index;
  const char* end = text.data() + text.size();
  const bool prefixed = text.rfind("cuda:", 0) == 0;
  const auto [stop, error] =
      std::from_chars(text.data() + (prefixed ? 5 : text.size()), end, index);
  if (!prefixed || error != std::errc{} || stop != end || index < 0) {
    refuse_name("--device", text, {"auto", "cpu", "cuda", "cuda:0"});
  }
  return index;
}

void resolve_device(const std::string& text, workloads::ExecutionSpec& spec) {
  const int count = kernels::cuda_device_count();
  if (text == "cpu" || (text == "auto" && count == 0)) {
    spec.device = Device::cpu;
    return;
  }
  const int index = parse_device_index(text);
  if (count == 0) {
    throw reports::EnvironmentError("--device " + text + ": no CUDA device here (" +
                                    kernels::why_no_cuda_device() +
                                    "): use --device cpu, or see 'ssmprof doctor'");
  }
  if (index >= count) {
    throw reports::EnvironmentError("--device " + text + ": there are only " +
                                    std::to_string(count) + " CUDA devices, counted from 0");
  }
  spec.device = Device::cuda;
  spec.device_index = index;
}

/// Digits only: no sign, no spaces, no other base.
bool parse_seed(const std::string& text, std::uint64_t& seed) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seed);
  return error == std::errc{} && stop == end;
}

}  // namespace

void ModelOptions::declare(CLI::App& app) {
  app.add_option("--model", model, "Checkpoint directory or preset name (see 'ssmprof list')")
      ->required()
      ->type_name("DIR|PRESET");
  app.add_option("--device", device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--dtype", dtype, "fp32, bf16, fp16 or auto (fp32 on the CPU, bf16 on a GPU)")
      ->capture_default_str();
  app.add_option("--state-dtype", state_dtype, "SSM state in decode: fp32, bf16 or fp16")
      ->capture_default_str();
  app.add_option("--backend", backend, "torch, native or both, comma-separated")
      ->capture_default_str();
  app.add_option("--tokens", tokens, "Input: a .json file [[id, …], …], or any file as bytes")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--seed", [this](const std::string& text) { parse_seed(text, seed); },
         "Seed of preset weights and random tokens")
      ->check([](const std::string& text) {
        std::uint64_t value = 0;
        return parse_seed(text, value) ? std::string()
                                       : "'" + text + "' is not a whole number from 0 to 2^64 - 1";
      })
      ->type_name("UINT")
      ->default_str(std::to_string(seed));
  app.add_option("--threads", threads, "CPU threads, 0 for all")->capture_default_str();
}

workloads::ExecutionSpec ModelOptions::base_spec() const {
  workloads::ExecutionSpec spec;
  resolve_device(device, spec);
  if (dtype == "auto") {
    spec.dtype = spec.device == Device::cpu ? DType::f32 : DType::bf16;
  } else {
    spec.dtype = parse_name("--dtype", dtype, kDTypes);
  }
  spec.state_dtype = parse_name("--state-dtype", state_dtype, kDTypes);
  if (threads < 0 || threads > 4096) {
    throw reports::InputError("--threads: " + std::to_string(threads) +
                              " is outside 0 … 4096 (0 = all)");
  }
  spec.threads =
      threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return spec;
}

workloads::ExecutionSpec ModelOptions::gpu_spec() const {
  if (device == "cpu") {
    throw reports::InputError(
        "--device cpu: there is nothing for Nsight Compute to profile there: "
        "use --device cuda");
  }
  ModelOptions here = *this;
  here.device = "cpu";
  if (dtype == "auto") here.dtype = "bf16";
  auto spec = here.base_spec();
  spec.device = Device::cuda;
  spec.device_index = parse_device_index(device);
  return spec;
}

std::vector<workloads::Backend> ModelOptions::backends() const {
  std::vector<workloads::Backend> chosen;
  for (const auto& name : parse_names("--backend", backend)) {
    chosen.push_back(parse_name<workloads::Backend>(
        "--backend", name,
        {{"torch", workloads::Backend::torch}, {"native", workloads::Backend::native}}));
  }
  return chosen;
}

std::vector<std::string> ModelOptions::inputs() const {
  std::vector<std::string> files = {tokens};
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(model, none)) {
    files.push_back(entry.path().string());
  }
  return files;
}

std::shared_ptr<const workloads::Checkpoint> ModelOptions::open(DType weights) const {
  return std::make_shared<const workloads::Checkpoint>(workloads::open_model(model, seed, weights));
}

workloads::TokenBatch ModelOptions::load_tokens_for(const workloads::Checkpoint& checkpoint) const {
  if (tokens.empty()) return {};
  return workloads::load_tokens(tokens, checkpoint.config.vocab_size);
}

}  // namespace ssmprof::harness
