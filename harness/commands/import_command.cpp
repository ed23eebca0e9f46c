#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "harness/command.hpp"
#include "harness/invocation.hpp"
#include "harness/names.hpp"
#include "harness/ncu_import.hpp"
#include "harness/output.hpp"
#include "reports/input_file.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Example:\n"
    "  ssmprof profile --model mamba2-130m --backend native --mode prefill -o run.json\n"
    "  ssmprof ncu --model mamba2-130m --component ssm --layer 3 --run > ncu.csv\n"
    "  ssmprof import ncu.csv --report run.json\n"
    "\n"
    "Joins Nsight Compute's metrics to our ranges and prints where they differ. Exit code 1 when\n"
    "operations differ by more than 0.1 % or bytes by more than 3 % and 4 MiB. Caches make ncu's "
    "own\n"
    "kernel replay differ more than that: use 'ssmprof ncu --replay application'.";

std::string read_text(const std::string& path) {
  reports::require_regular_file(path, "the CSV that ncu printed");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw reports::InputError(path + ": cannot be read: give the CSV that ncu printed");
  return text.str();
}

class ImportCommand : public Command {
 public:
  std::string_view name() const override { return "import"; }
  std::string_view summary() const override {
    return "Join Nsight Compute's CSV to a report's ranges and show the differences";
  }

  void declare(CLI::App& app) override {
    app.add_option("csv", csv_, "Output of ncu --nvtx --csv --page raw --print-units base")
        ->required();
    app.add_option("--report", report_, "Report of the same run")->required()->type_name("FILE");
    app.add_option("--workload", workload_, "Workload id, when the report has several");
    app.add_option("-o,--output", output_, "Write the comparison as JSON")->type_name("FILE");
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    require_output(output_, {csv_, report_});
    const auto source = reports::read_report(report_, reports::Report::Kind::run);
    const auto& workload = choose(source);
    const std::string dtype = dtype_of(workload);
    const auto table = parse_csv(read_text(csv_), "ID", csv_);
    const auto joined = join_ncu(table, workload, csv_);
    auto comparison = compare_with_ncu(workload, joined, dtype);
    if (comparison.entries.empty()) {
      throw reports::Error(reports::ExitCode::incomparable,
                           csv_ + ": none of its " + std::to_string(joined.kernels) +
                               " kernels has a range and a metric of " + workload.id +
                               ": profile the same model with --probes counters and use "
                               "'ssmprof ncu'");
    }
    reports::print_comparison(std::cout, comparison, terminal_style());
    std::cout << joined.kernels << " kernels, " << joined.outside << " outside our ranges\n";
    const bool good = comparison.verdict == reports::Verdict::same;
    reports::Report report;
    report.kind = reports::Report::Kind::comparison;
    report.tool = tool_identity();
    report.invocation = invocation();
    report.environment = source.environment;
    report.definitions = source.definitions;
    report.comparisons.push_back(std::move(comparison));
    return deliver(report, output_, false,
                   good ? reports::ExitCode::ok : reports::ExitCode::mismatch);
  }

 private:
  /// The data type decides which instructions count as operations: it must be known.
  std::string dtype_of(const reports::Workload& workload) const {
    const auto found = workload.settings.find("dtype");
    const std::string where = report_ + ": settings of " + workload.id + ": ";
    if (found == workload.settings.end()) {
      throw reports::InputError(where + "\"dtype\" is missing: run 'ssmprof profile' again");
    }
    const std::vector<std::string> known = {"fp32", "bf16", "fp16"};
    if (!found->is_string() ||
        std::find(known.begin(), known.end(), found->get<std::string>()) == known.end()) {
      throw reports::InputError(where + "\"dtype\" is " + found->dump() + ", not " +
                                listed(known, "or"));
    }
    return found->get<std::string>();
  }

  const reports::Workload& choose(const reports::Report& report) const {
    const reports::Workload* found = nullptr;
    for (const auto& workload : report.workloads) {
      if (!workload_.empty() && workload.id != workload_) continue;
      if (found != nullptr) {
        throw reports::InputError(report_ + ": has several workloads: choose one with --workload");
      }
      found = &workload;
    }
    if (found == nullptr) {
      throw reports::InputError(report_ + ": has no workload '" + workload_ +
                                "': see 'ssmprof show'");
    }
    return *found;
  }

  std::string csv_, report_, workload_, output_;
};

}  // namespace

std::unique_ptr<Command> make_import_command() {
  return std::make_unique<ImportCommand>();
}

}  // namespace ssmprof::harness
