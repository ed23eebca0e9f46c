#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include "harness/command.hpp"
#include "harness/component_table.hpp"
#include "harness/interrupt.hpp"
#include "harness/logits.hpp"
#include "harness/logits_file.hpp"
#include "harness/model_options.hpp"
#include "harness/output.hpp"
#include "reports/terminal_text.hpp"
#include "workloads/tokens.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof verify --model ./checkpoint\n"
    "  ssmprof verify --model ./checkpoint --tokens ids.json --expect logits.safetensors\n"
    "  ssmprof verify --model ./checkpoint --tokens ids.json --dump logits.safetensors\n"
    "  ssmprof verify --model mamba2-130m --dtype bf16 --components\n"
    "\n"
    "Checks, each by relative error in norm: the backends against each other, each against\n"
    "--expect, and a token-by-token decode against one prefill. --components holds every\n"
    "operation of every layer against fp64 on the inputs it was given: a prefill, several\n"
    "tokens that continue from its states, and decode steps. Exit code 0: all within\n"
    "--tolerance, components within their limits; 1: not.";

constexpr std::int64_t kDefaultLength = 64;

class VerifyCommand : public Command {
 public:
  VerifyCommand() { model_.dtype = "fp32"; }

  std::string_view name() const override { return "verify"; }
  std::string_view summary() const override {
    return "Check a model: backends, decode and given logits must agree";
  }

  void declare(CLI::App& app) override {
    model_.declare(app);
    app.add_option("--expect", expect_, "safetensors file with tensor 'logits' [B, L, V]")
        ->type_name("FILE");
    app.add_option("--dump", dump_, "Write the first backend's logits as such a file")
        ->type_name("FILE");
    app.add_option("--tolerance", tolerance_,
                   "Largest relative error (default 1e-4, in bf16 and fp16 0.05)");
    app.add_flag("--components", components_, "Also check every component against fp64");
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    const auto base = model_.base_spec();
    const auto backends = model_.backends();
    const double tolerance =
        tolerance_.value_or(base.dtype == kernels::DType::f32 ? kFp32Tolerance : 0.05);
    if (!(tolerance > 0 && tolerance <= 1)) {
      throw reports::InputError(
          "--tolerance: not in (0, 1]: give the largest relative error, like 1e-4");
    }
    auto inputs = model_.inputs();
    inputs.push_back(expect_);
    require_output(dump_, inputs);
    const auto checkpoint = model_.open(base.dtype);
    auto tokens = model_.load_tokens_for(*checkpoint);
    if (tokens.empty()) {
      tokens =
          workloads::random_tokens(1, kDefaultLength, checkpoint->config.vocab_size, model_.seed);
    }
    std::optional<workloads::LogitsTable> expected;
    if (!expect_.empty()) expected = read_logits(expect_, tokens, checkpoint->config.vocab_size);

    const bool compares = expected || backends.size() > 1 || tokens[0].size() > 1 || components_;
    if (!compares && dump_.empty()) {
      throw reports::InputError(
          "verify: one token on one backend leaves nothing to compare: give more tokens, two "
          "backends, --expect or --components");
    }

    bool good = true;
    std::optional<workloads::LogitsTable> first;
    const auto judge = [&](const std::string& what, const workloads::LogitsTable& a,
                           const workloads::LogitsTable& b) {
      const double error = all_finite(a) ? relative_error(a, b) : INFINITY;
      const bool fine = error <= tolerance;
      good = good && fine;
      std::cout << (fine ? "ok    " : "FAIL  ") << std::left << std::setw(34) << what
                << "relative error " << error << std::endl;
    };
    std::cout << "verify " << reports::printable(checkpoint->config.name) << ": " << tokens.size()
              << " × " << tokens[0].size() << " tokens, " << kernels::name_of(base.dtype)
              << ", tolerance " << tolerance << std::endl;
    for (const auto backend : backends) {
      if (interrupted()) return reports::ExitCode::interrupted;
      auto spec = base;
      spec.backend = backend;
      const std::string label = name_of(backend);
      const auto model = workloads::make_model(checkpoint, spec);
      const auto prefill = model->prefill_logits(tokens);
      if (interrupted()) return reports::ExitCode::interrupted;
      if (expected) judge(label + " against " + "--expect", prefill, *expected);
      if (first) judge(label + " against " + name_of(backends.front()), prefill, *first);
      if (tokens[0].size() > 1) {
        const auto prompt = static_cast<std::int64_t>((tokens[0].size() + 1) / 2);
        judge(label + " decode against prefill", model->decode_logits(tokens, prompt), prefill);
      }
      if (interrupted()) return reports::ExitCode::interrupted;
      if (!first) {
        if (!dump_.empty()) write_logits(dump_, prefill);
        first = prefill;
      }
    }
    if (!compares) std::cout << "nothing was compared: the logits were only written\n";
    const bool components_good = !components_ || check_components(checkpoint, base, tokens);
    if (interrupted()) return reports::ExitCode::interrupted;
    if (!good) {
      std::cerr << "ssmprof: verify: " << reports::printable(checkpoint->config.name)
                << " disagrees beyond the tolerance of " << tolerance << ": see the lines above\n";
    }
    if (!components_good) {
      std::cerr << "ssmprof: verify: " << reports::printable(checkpoint->config.name)
                << " has components beyond their limits: see FAIL in the tables above\n";
    }
    return good && components_good ? reports::ExitCode::ok : reports::ExitCode::mismatch;
  }

 private:
  /// One table per backend; the native one unfused and fused. True when all are within limits.
  bool check_components(const std::shared_ptr<const workloads::Checkpoint>& checkpoint,
                        workloads::ExecutionSpec spec, const workloads::TokenBatch& tokens) const {
    bool good = true;
    for (const auto backend : model_.backends()) {
      for (const bool fusion : {false, true}) {
        if (interrupted() || (fusion && backend == workloads::Backend::torch)) continue;
        spec.backend = backend, spec.fusion = fusion;
        const auto errors = workloads::component_errors(checkpoint, spec, tokens);
        std::cout << "\ncomponents of " << name_of(backend) << (fusion ? " with fusion" : "")
                  << " against fp64 on the same inputs, " << kernels::name_of(spec.dtype) << '\n';
        good = write_component_table(std::cout, errors) && good;
        std::cout << std::flush;
      }
    }
    return good;
  }

  ModelOptions model_;
  std::string expect_, dump_;
  std::optional<double> tolerance_;
  bool components_ = false;
};

}  // namespace

std::unique_ptr<Command> make_verify_command() {
  return std::make_unique<VerifyCommand>();
}

}  // namespace ssmprof::harness
