#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <unistd.h>

#include "harness/command.hpp"
#include "harness/model_options.hpp"
#include "harness/names.hpp"
#include "harness/ncu_command_line.hpp"
#include "harness/ncu_import.hpp"
#include "harness/run_options.hpp"
#include "workloads/plan.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof ncu --model mamba2-130m --component ssm --layer 3\n"
    "  ssmprof ncu --model mamba-130m --component scan --mode prefill --seqlen 2048 --run\n"
    "\n"
    "Prints the Nsight Compute command that profiles just these ranges; --run executes it.";

class NcuCommand : public Command {
 public:
  NcuCommand() {
    model_.backend = "native";
    run_.mode = "prefill";
  }

  std::string_view name() const override { return "ncu"; }
  std::string_view summary() const override {
    return "Print or run the Nsight Compute command for a component's ranges";
  }

  void declare(CLI::App& app) override {
    model_.declare(app);
    app.add_option("--component", components_,
                   "Components or design rows, comma-separated: ssd, conv, ssm, …")
        ->required();
    app.add_option("--layer", layer_, "Layer numbers, comma-separated, or all")
        ->capture_default_str();
    app.add_option("--metrics", metrics_,
                   "Metrics for ncu, comma-separated (default: those our counters use)");
    app.add_option("--mode", run_.mode, "prefill or decode")->capture_default_str();
    app.add_option("--batch", run_.batch, "Batch size")->capture_default_str();
    app.add_option("--seqlen", run_.seqlen, "Length")->capture_default_str();
    app.add_option("--fusion", run_.fusion, "off, or on as in the run to compare with")
        ->capture_default_str();
    app.add_option("--logits", run_.logits, "Positions the head computes: last or all")
        ->capture_default_str();
    app.add_option("--replay", request_.replay,
                   "kernel: ncu repeats every kernel, its memory restored in between; application: "
                   "it repeats the run, so that the caches are as in the model")
        ->check(CLI::IsMember({"kernel", "application"}))
        ->capture_default_str();
    app.add_option("-o,--output", request_.output, "ncu report file (default: CSV on stdout)");
    app.add_flag("--run", execute_, "Execute the command instead of printing it");
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    auto base = model_.gpu_spec();
    if (execute_ && model_.base_spec().device == kernels::Device::cpu) {
      throw reports::EnvironmentError(
          "ncu: --run needs a GPU, and there is none here: print the command "
          "without --run and start it where one is");
    }
    base.backend = model_.backends().front();
    const auto specs = run_.expand(base);
    if (specs.size() != 1 || model_.backends().size() != 1) {
      throw reports::InputError(
          "ncu: profiles one workload: give one --backend, --mode, --batch and --seqlen");
    }
    request_.components = parse_names("--component", components_);
    request_.layers = parse_layers();
    request_.metrics = metrics_.empty()
                           ? comparable_hardware_metrics(std::string(kernels::name_of(base.dtype)))
                           : parse_names("--metrics", metrics_);
    request_.program = program();
    const auto checkpoint = model_.open(base.dtype);
    model_.load_tokens_for(*checkpoint);  // refused here, not by the program under ncu
    const auto ranges = workloads::plan_ranges(checkpoint->config, specs.front());
    const auto arguments = ncu_arguments(request_, ranges);
    if (!execute_) {
      std::cout << shell_line(arguments) << '\n';
      return reports::ExitCode::ok;
    }
    std::vector<char*> raw;
    for (const auto& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
    raw.push_back(nullptr);
    execvp(raw[0], raw.data());
    throw reports::EnvironmentError(std::string("ncu: cannot be started (") + std::strerror(errno) +
                                    "): install Nsight Compute and put ncu on the PATH");
  }

 private:
  std::vector<std::int64_t> parse_layers() const {
    if (layer_ == "all") return {};
    std::vector<std::int64_t> layers;
    for (const auto& text : parse_names("--layer", layer_)) {
      std::int64_t value = -1;
      const char* end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, value);
      if (error != std::errc{} || stop != end || value < 0) {
        throw reports::InputError("--layer: '" + text +
                                  "' is not a layer number: use 0,1,… or all");
      }
      layers.push_back(value);
    }
    return layers;
  }

  std::vector<std::string> program() const {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    std::vector<std::string> arguments = {error ? "ssmprof" : self.string(),
                                          "profile",
                                          "--model",
                                          model_.model,
                                          "--probes",
                                          "nvtx",
                                          "--quiet",
                                          "--backend",
                                          model_.backend,
                                          "--mode",
                                          run_.mode,
                                          "--batch",
                                          run_.batch,
                                          "--seqlen",
                                          run_.seqlen,
                                          "--fusion",
                                          run_.fusion,
                                          "--logits",
                                          run_.logits,
                                          "--device",
                                          model_.device,
                                          "--dtype",
                                          model_.dtype,
                                          "--state-dtype",
                                          model_.state_dtype,
                                          "--seed",
                                          std::to_string(model_.seed)};
    if (model_.threads > 0) {
      arguments.insert(arguments.end(), {"--threads", std::to_string(model_.threads)});
    }
    if (!model_.tokens.empty()) {
      arguments.insert(arguments.end(), {"--tokens", model_.tokens});
    }
    return arguments;
  }

  ModelOptions model_;
  RunOptions run_;
  NcuRequest request_;
  std::string layer_ = "0", metrics_;
  std::string components_;
  bool execute_ = false;
};

}  // namespace

std::unique_ptr<Command> make_ncu_command() {
  return std::make_unique<NcuCommand>();
}

}  // namespace ssmprof::harness
