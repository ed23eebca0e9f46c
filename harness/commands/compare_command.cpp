#include <cmath>
#include <iostream>
#include <optional>

#include "harness/command.hpp"
#include "harness/invocation.hpp"
#include "harness/output.hpp"
#include "reports/comparison.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof compare baseline.json candidate.json\n"
    "  ssmprof compare baseline.json candidate.json --threshold 0.03 --strict -o verdict.json\n"
    "\n"
    "FLOPs, bytes and launches must be equal; times are judged by intervals and need the same\n"
    "machine and settings. What cannot be compared never passes: exit code 4.";

class CompareCommand : public Command {
 public:
  std::string_view name() const override { return "compare"; }
  std::string_view summary() const override {
    return "Compare two stored runs; the exit code is the verdict";
  }

  void declare(CLI::App& app) override {
    app.add_option("baseline", baseline_, "Report of the baseline run")->required();
    app.add_option("candidate", candidate_, "Report of the run to judge")->required();
    app.add_option("--threshold", threshold_, "Relative change of a time that counts (0.05 = 5 %)");
    app.add_option("--policy", policy_, "Policy file instead of the built-in one");
    app.add_flag("--strict", strict_, "Ambiguous verdicts fail too (exit code 4)");
    app.add_option("-o,--output", output_, "Write the comparison as JSON");
    app.add_flag("-q,--quiet", quiet_, "No tables");
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    auto policy = policy_.empty() ? reports::default_policy() : reports::load_policy(policy_);
    if (threshold_) policy.override_threshold(*threshold_);
    require_output(output_, {baseline_, candidate_, policy_});
    const auto baseline = reports::read_report(baseline_, reports::Report::Kind::run);
    const auto candidate = reports::read_report(candidate_, reports::Report::Kind::run);
    auto report = reports::compare_reports(baseline, candidate, policy, strict_);
    report.tool = tool_identity();
    report.invocation = invocation();
    if (!quiet_) {
      for (const auto& comparison : report.comparisons) {
        reports::print_comparison(std::cout, comparison, terminal_style());
        std::cout << '\n';
      }
      reports::print_summary(std::cout, report, terminal_style());
    }
    return deliver(report, output_, quiet_, reports::exit_code(report, strict_));
  }

 private:
  std::string baseline_, candidate_, policy_, output_;
  std::optional<double> threshold_;
  bool strict_ = false, quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> make_compare_command() {
  return std::make_unique<CompareCommand>();
}

}  // namespace ssmprof::harness
