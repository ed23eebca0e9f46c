#include <iostream>

#include "harness/command.hpp"
#include "harness/output.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::harness {
namespace {

class ShowCommand : public Command {
 public:
  std::string_view name() const override { return "show"; }
  std::string_view summary() const override { return "Print the tables of a stored report"; }

  void declare(CLI::App& app) override {
    app.add_option("report", report_, "Report of a run or a comparison")->required();
    app.add_option("--workload", workload_, "Only workloads whose id contains this text");
    app.footer("Examples:\n  ssmprof show run.json\n  ssmprof show run.json --workload decode");
  }

  reports::ExitCode run() override {
    const auto report = reports::read_report(report_);
    const auto style = terminal_style();
    bool found = false;
    for (const auto& workload : report.workloads) {
      if (workload.id.find(workload_) == std::string::npos) continue;
      reports::print_workload(std::cout, workload, style);
      std::cout << '\n';
      found = true;
    }
    for (const auto& comparison : report.comparisons) {
      if (comparison.name.find(workload_) == std::string::npos) continue;
      reports::print_comparison(std::cout, comparison, style);
      std::cout << '\n';
      found = true;
    }
    if (!found && !workload_.empty()) {
      throw reports::InputError(report_ + ": no workload id contains '" + workload_ +
                                "': run 'ssmprof show " + report_ + "' to see them");
    }
    if (workload_.empty()) reports::print_summary(std::cout, report, style);
    return reports::ExitCode::ok;
  }

 private:
  std::string report_, workload_;
};

}  // namespace

std::unique_ptr<Command> make_show_command() {
  return std::make_unique<ShowCommand>();
}

}  // namespace ssmprof::harness
