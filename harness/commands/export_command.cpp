#include <algorithm>
#include <iostream>
#include <sstream>

#include "harness/command.hpp"
#include "harness/names.hpp"
#include "harness/output.hpp"
#include "reports/atomic_file.hpp"
#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::harness {
namespace {

class ExportCommand : public Command {
 public:
  std::string_view name() const override { return "export"; }
  std::string_view summary() const override {
    return "Convert a stored report to a format that other tools read";
  }

  void declare(CLI::App& app) override {
    app.add_option("report", report_, "Report of a run or a comparison")->required();
    app.add_option("--format", format_, "Format (see 'ssmprof list exporters')")->required();
    app.add_option("-o,--output", output_, "File to write (default: standard output)");
    app.footer(
        "Examples:\n"
        "  ssmprof export run.json --format csv -o run.csv\n"
        "  ssmprof export run.json --format trace -o trace.json   (open in Perfetto)");
  }

  reports::ExitCode run() override {
    const auto exporters = reports::make_exporters();
    const auto found = std::find_if(exporters.begin(), exporters.end(),
                                    [this](const auto& e) { return e->name() == format_; });
    if (found == exporters.end()) {
      std::vector<std::string> known;
      for (const auto& exporter : exporters) known.emplace_back(exporter->name());
      refuse_name("--format", format_, known);
    }
    require_output(output_, {report_});
    const auto report = reports::read_report(report_);
    std::ostringstream text;
    (*found)->write(report, text);
    if (output_.empty()) {
      std::cout << text.str();
    } else {
      reports::write_atomically(output_, text.str());
    }
    return reports::ExitCode::ok;
  }

 private:
  std::string report_, format_, output_;
};

}  // namespace

std::unique_ptr<Command> make_export_command() {
  return std::make_unique<ExportCommand>();
}

}  // namespace ssmprof::harness
