#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>

#include "harness/command.hpp"
#include "harness/interrupt.hpp"
#include "harness/kernel_report.hpp"
#include "harness/names.hpp"
#include "harness/output.hpp"
#include "harness/progress.hpp"
#include "harness/sweep.hpp"
#include "kernels/bench/device.hpp"
#include "kernels/bench/peer.hpp"
#include "kernels/cuda_device.hpp"
#include "workloads/ceilings.hpp"

namespace ssmprof::harness {
namespace {

namespace bench = kernels::bench;

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof kernels --kernel scan --preset mamba-2.8b --seqlen 2048,8192\n"
    "  ssmprof kernels --kernel scan --batch 1 --seqlen 8192 --dim 5120 --state 16 -o scan.json\n"
    "  ssmprof kernels --kernel scan --peer ./librival.so\n"
    "\n"
    "Every kernel is checked against fp64 before it is timed, inside a CUDA graph with inputs\n"
    "rotated past the L2 cache. --list shows the kernels, their sizes and presets.";

class KernelsCommand : public Command {
 public:
  std::string_view name() const override { return "kernels"; }
  std::string_view summary() const override {
    return "Check and time the native kernels at published or given shapes (GPU)";
  }

  void declare(CLI::App& app) override {
    app.add_option("--kernel", kernels_, "Kernels, comma-separated (default: all)");
    app.add_option("--preset", presets_, "Published models whose sizes to use, comma-separated");
    app.add_option("--batch", batch_, "Batch sizes: 1,8 or 1:64:x2");
    app.add_option("--seqlen", seqlen_, "Lengths: 2048 or 512:8192:x4");
    for (auto& [name, value] : named_) {
      std::string option = "--" + name;
      std::replace(option.begin(), option.end(), '_', '-');
      app.add_option(option, value, "Size '" + name + "' of the kernels that have it");
    }
    app.add_option("--size", sizes_, "Other sizes, NAME=VALUE, comma-separated");
    app.add_option("--dtype", dtypes_, "fp32, bf16, fp16, comma-separated")->capture_default_str();
    app.add_option("--peer", peers_, "Shared library of another implementation, timed beside ours")
        ->type_name("LIB.so");
    app.add_option("--samples", samples_, "Timed samples per shape")->capture_default_str();
    app.add_option("-o,--output", output_, "Write the report as JSON");
    app.add_flag("--list", list_, "List kernels, sizes and presets");
    app.add_flag("-q,--quiet", quiet_, "No table and no progress");
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    const auto all = bench::make_cases();
    if (list_) return print_cases(all);
    const auto chosen = choose(all);
    const auto shapes = shapes_of(chosen);
    if (samples_ < 6 || samples_ > 100000) {
      throw reports::InputError("--samples: " + std::to_string(samples_) +
                                " is outside 6 … 100000");
    }
    require_output(output_);
    const auto peers = open_peers();
    if (kernels::cuda_device_count() == 0) {
      throw reports::EnvironmentError("kernels: no CUDA device here (" +
                                      kernels::why_no_cuda_device() + "): see 'ssmprof doctor'");
    }
    workloads::ExecutionSpec spec;
    spec.device = kernels::Device::cuda;
    auto report = new_report(reports::Report::Kind::run, spec);
    auto rates = bench::measure_rates();
    rates.gemm_flops_per_second = workloads::measure_ceilings(gemm_spec()).gemm_flops_per_second;
    print_rates(rates);
    Progress progress(static_cast<int>(shapes.size()), !quiet_);
    bool good = true;
    for (const auto& [which, shape] : shapes) {
      if (interrupted()) break;
      progress.begin(which->name());
      bench::RunOptions options;
      options.samples = samples_;
      for (const auto& m : bench::run_case(*which, shape, rates, options, raw(peers))) {
        progress.clear();
        if (!quiet_) print(m);
        good = good && m.error_message.empty();
        report.workloads.push_back(kernel_workload(m, rates));
      }
      progress.done();
    }
    progress.clear();
    return deliver(report, output_, good ? reports::ExitCode::ok : reports::ExitCode::mismatch);
  }

 private:
  using Shapes = std::vector<std::pair<const bench::KernelCase*, bench::Shape>>;
  using Peers = std::vector<std::unique_ptr<bench::Peer>>;

  static workloads::ExecutionSpec gemm_spec() {
    workloads::ExecutionSpec spec;
    spec.device = kernels::Device::cuda;
    spec.dtype = kernels::DType::bf16;
    return spec;
  }

  std::vector<const bench::KernelCase*> choose(
      const std::vector<std::unique_ptr<bench::KernelCase>>& all) const {
    std::vector<const bench::KernelCase*> chosen;
    std::vector<std::string> known;
    for (const auto& one : all) known.push_back(one->name());
    for (const auto& name : kernels_.empty() ? known : parse_names("--kernel", kernels_)) {
      const auto found = std::find(known.begin(), known.end(), name);
      if (found == known.end()) refuse_name("--kernel", name, known);
      chosen.push_back(all[static_cast<std::size_t>(found - known.begin())].get());
    }
    return chosen;
  }

  std::map<std::string, std::int64_t> given_sizes() const {
    std::map<std::string, std::int64_t> sizes;
    for (const auto& [name, value] : named_) {
      if (!value.empty()) sizes[name] = parse_sweep("--" + name, value).at(0);
    }
    if (sizes_.empty()) return sizes;
    for (const auto& text : parse_names("--size", sizes_)) {
      const auto equals = text.find('=');
      if (equals == std::string::npos || equals == 0) {
        throw reports::InputError("--size: '" + text + "' is not NAME=VALUE");
      }
      const std::string value = text.substr(equals + 1);
      sizes[text.substr(0, equals)] = value == "0" ? 0 : parse_sweep("--size", value).at(0);
    }
    return sizes;
  }

  Shapes shapes_of(const std::vector<const bench::KernelCase*>& chosen) const {
    const auto dtypes = parse_names("--dtype", dtypes_);
    const auto presets =
        presets_.empty() ? std::vector<std::string>{""} : parse_names("--preset", presets_);
    const auto batches =
        batch_.empty() ? std::vector<std::int64_t>{0} : parse_sweep("--batch", batch_);
    const auto lengths =
        seqlen_.empty() ? std::vector<std::int64_t>{0} : parse_sweep("--seqlen", seqlen_);
    Shapes shapes;
    for (const auto* which : chosen) {
      for (const auto& dtype : dtypes) {
        const auto type = parse_name<kernels::DType>("--dtype", dtype,
                                                     {{"fp32", kernels::DType::f32},
                                                      {"bf16", kernels::DType::bf16},
                                                      {"fp16", kernels::DType::f16}});
        for (const auto& preset : presets) {
          for (const auto b : batches) {
            for (const auto l : lengths) {
              auto sizes = given_sizes();
              if (b > 0) sizes["batch"] = b;
              if (l > 0) sizes["seqlen"] = l;
              add(shapes, *which, preset, type, sizes);
            }
          }
        }
      }
    }
    return shapes;
  }

  static void add(Shapes& shapes, const bench::KernelCase& which, const std::string& preset,
                  kernels::DType dtype, std::map<std::string, std::int64_t> sizes) {
    const auto options = which.options();
    const bool has_length = std::any_of(options.begin(), options.end(),
                                        [](const auto& o) { return o.name == "seqlen"; });
    if (!has_length) sizes.erase("seqlen");  // a decode step has none
    try {
      auto shape = bench::resolve(which, preset, dtype, sizes);
      const bool seen = std::any_of(shapes.begin(), shapes.end(), [&](const auto& s) {
        return s.first == &which && s.second.dtype == dtype && s.second.sizes == shape.sizes;
      });
      if (!seen) shapes.emplace_back(&which, std::move(shape));
    } catch (const std::invalid_argument& error) {
      throw reports::InputError(std::string("kernels: ") + error.what());
    }
  }

  Peers open_peers() const {
    Peers peers;
    for (const auto& path : peers_) {
      try {
        peers.push_back(std::make_unique<bench::Peer>(path));
      } catch (const std::runtime_error& error) {
        throw reports::InputError(std::string("--peer: ") + error.what());
      }
    }
    return peers;
  }

  static std::vector<const bench::Peer*> raw(const Peers& peers) {
    std::vector<const bench::Peer*> all;
    for (const auto& peer : peers) all.push_back(peer.get());
    return all;
  }

  static reports::ExitCode print_cases(const std::vector<std::unique_ptr<bench::KernelCase>>& all) {
    for (const auto& one : all) {
      std::cout << one->name() << "  " << one->description() << '\n';
      for (const auto& option : one->options()) {
        std::cout << "    " << option.name << "=" << option.value << "  " << option.description
                  << '\n';
      }
      std::vector<std::string> presets;
      for (const auto& preset : one->presets()) presets.push_back(preset.name);
      if (!presets.empty()) std::cout << "    presets: " << listed(presets) << '\n';
    }
    return reports::ExitCode::ok;
  }

  void print_rates(const bench::Rates& rates) const {
    if (quiet_) return;
    std::printf("%s: copy %.2f TB/s, bf16 GEMM %.0f TFLOP/s, %.0f MHz, %d multiprocessors\n\n",
                rates.device.c_str(), rates.copy_bytes_per_second / 1e12,
                rates.gemm_flops_per_second / 1e12, rates.clock_hz / 1e6, rates.multiprocessors);
    std::printf("%10s  %8s  %9s  %8s  %s\n", "time", "of floor", "GB/s", "error", "kernel");
  }

  static void print(const bench::Measurement& m) {
    const std::string id = kernel_workload_id(m).substr(std::string("kernel/").size());
    if (!m.error_message.empty()) {
      std::printf("%10s  %8s  %9s  %8.1e  %s: %s\n", "-", "-", "-", m.error, id.c_str(),
                  m.error_message.c_str());
    } else {
      std::printf("%7.2f µs  %6.1f %%  %9.0f  %8.1e  %s\n", m.median * 1e6, m.percent_of_floor,
                  m.bytes_per_second / 1e9, m.error, id.c_str());
    }
    std::fflush(stdout);
  }

  std::string kernels_, presets_, batch_, seqlen_, sizes_, dtypes_ = "bf16", output_;
  std::map<std::string, std::string> named_ = {
      {"dim", ""}, {"state", ""}, {"heads", ""}, {"head_dim", ""}, {"groups", ""}};
  std::vector<std::string> peers_;
  int samples_ = 31;
  bool list_ = false, quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> make_kernels_command() {
  return std::make_unique<KernelsCommand>();
}

}  // namespace ssmprof::harness
