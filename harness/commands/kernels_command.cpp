#include <algorithm>
#include <iostream>

#include "harness/command.hpp"
#include "harness/interrupt.hpp"
#include "harness/kernel_report.hpp"
#include "harness/kernel_shapes.hpp"
#include "harness/kernel_table.hpp"
#include "harness/names.hpp"
#include "harness/output.hpp"
#include "harness/progress.hpp"
#include "kernels/bench/device.hpp"
#include "kernels/bench/host_rates.hpp"
#include "kernels/bench/peer.hpp"
#include "kernels/cuda_device.hpp"
#include "workloads/ceilings.hpp"
#include "workloads/kernel_rival.hpp"

namespace ssmprof::harness {
namespace {

namespace bench = kernels::bench;

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof kernels --kernel scan --preset mamba-2.8b --seqlen 2048,8192\n"
    "  ssmprof kernels --kernel scan --batch 1 --seqlen 8192 --dim 5120 --state 16 -o scan.json\n"
    "  ssmprof kernels --kernel scan,conv --against libtorch\n"
    "  ssmprof kernels --kernel scan --peer ./librival.so\n"
    "  ssmprof kernels --kernel gate --device cpu --dim 1536\n"
    "\n"
    "Every kernel is checked against fp64 before it is timed, inside a CUDA graph with inputs\n"
    "rotated past the L2 cache (on the CPU: by the host's clock). --list shows the kernels, their "
    "sizes and presets.";

class KernelsCommand : public Command {
 public:
  std::string_view name() const override { return "kernels"; }
  std::string_view summary() const override {
    return "Check and time the native kernels at published or given shapes";
  }

  void declare(CLI::App& app) override {
    shapes_.declare(app);
    app.add_option("--device", device_, "cuda or cpu")->capture_default_str();
    app.add_option("--threads", threads_, "CPU threads (default: all)");
    app.add_option("--against", against_,
                   "Time the same operations of a host library beside ours: libtorch");
    app.add_option("--peer", peers_, "Shared library of another implementation, timed beside ours")
        ->type_name("LIB.so");
    app.add_flag("--overlap", overlap_,
                 "GPU: let native launches overlap, as in a model with --fusion on");
    app.add_option("--samples", samples_, "Timed samples per shape")->capture_default_str();
    app.add_option("-o,--output", output_, "Write the report as JSON");
    app.add_flag("--list", list_, "List kernels, sizes and presets");
    app.add_flag("-q,--quiet", quiet_, "No table and no progress");
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    const auto all = bench::make_cases();
    if (list_) return print_cases(all);
    const auto shapes = shapes_.of(all);
    if (samples_ < 6 || samples_ > 100000) {
      throw reports::InputError("--samples: " + std::to_string(samples_) +
                                " is outside 6 … 100000");
    }
    require_output(output_, peers_);
    const auto spec = spec_of_run();
    auto rivals = open_peers();
    if (spec.device == kernels::Device::cuda && kernels::cuda_device_count() == 0) {
      throw reports::EnvironmentError("kernels: no CUDA device here (" +
                                      kernels::why_no_cuda_device() +
                                      "): see 'ssmprof doctor', or use --device cpu");
    }
    if (!against_.empty()) rivals.push_back(library_rival(spec));
    auto report = new_report(reports::Report::Kind::run, spec);
    const auto rates = measured_rates(spec);
    if (!quiet_) print_kernel_rates(rates);
    Progress progress(static_cast<int>(shapes.size()), !quiet_);
    bool good = true;
    try {
      for (const auto& [which, shape] : shapes) {
        if (interrupted()) break;
        progress.begin(which->name());
        for (const auto& m : measure(*which, shape, rates, rivals)) {
          progress.clear();
          if (!quiet_) print_kernel(m);
          good = good && m.error_message.empty();
          report.workloads.push_back(kernel_workload(m, rates));
        }
        progress.done();
      }
    } catch (const std::exception& error) {
      progress.clear();
      rescue(report, output_, quiet_, error.what());
      throw;
    }
    progress.clear();
    return deliver(report, output_, quiet_,
                   good ? reports::ExitCode::ok : reports::ExitCode::mismatch);
  }

 private:
  using Rivals = std::vector<std::unique_ptr<bench::Rival>>;

  workloads::ExecutionSpec spec_of_run() const {
    workloads::ExecutionSpec spec;
    spec.device = parse_name<kernels::Device>(
        "--device", device_, {{"cuda", kernels::Device::cuda}, {"cpu", kernels::Device::cpu}});
    if (threads_ < 0 || threads_ > 4096) {
      throw reports::InputError("--threads: " + std::to_string(threads_) + " is outside 0 … 4096");
    }
    spec.threads = threads_;
    if (!against_.empty() && against_ != "libtorch") {
      refuse_name("--against", against_, {"libtorch"});
    }
    return spec;
  }

  static std::unique_ptr<bench::Rival> library_rival(const workloads::ExecutionSpec& spec) {
    auto rival = workloads::make_library_rival(spec);
    if (!rival) {
      throw reports::EnvironmentError(
          "kernels --against libtorch: this ssmprof was built without LibTorch: configure with "
          "-DSSMPROF_TORCH=ON");
    }
    return rival;
  }

  /// The device's copy and GEMM rates and clock, as far as this build can measure them.
  static bench::Rates measured_rates(workloads::ExecutionSpec spec) {
    const bool cuda = spec.device == kernels::Device::cuda;
    auto rates = cuda ? bench::measure_rates() : bench::measure_host_rates(spec.threads);
    if (rates.gemm_flops_per_second == 0) {
      spec.dtype = cuda ? kernels::DType::bf16 : kernels::DType::f32;
      rates.gemm_flops_per_second = workloads::measure_ceilings(spec).gemm_flops_per_second;
    }
    return rates;
  }

  /// The native kernel and its rivals.
  std::vector<bench::Measurement> measure(const bench::KernelCase& which, const bench::Shape& shape,
                                          const bench::Rates& rates, const Rivals& rivals) const {
    bench::RunOptions options;
    options.device = spec_of_run().device;
    options.threads = threads_;
    options.samples = samples_;
    options.overlap = overlap_;
    std::vector<bench::Rival*> raw;
    for (const auto& rival : rivals) raw.push_back(rival.get());
    try {
      return bench::run_case(which, shape, rates, options, raw);
    } catch (const std::invalid_argument& error) {
      throw reports::InputError(std::string("kernels: ") + error.what());
    }
  }

  Rivals open_peers() const {
    Rivals peers;
    for (const auto& path : peers_) {
      try {
        peers.push_back(std::make_unique<bench::Peer>(path));
      } catch (const std::runtime_error& error) {
        throw reports::InputError(std::string("--peer: ") + error.what());
      }
    }
    return peers;
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

  KernelShapes shapes_;
  std::string device_ = "cuda", against_, output_;
  std::vector<std::string> peers_;
  int samples_ = 31, threads_ = 0;
  bool overlap_ = false;
  bool list_ = false, quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> make_kernels_command() {
  return std::make_unique<KernelsCommand>();
}

}  // namespace ssmprof::harness
