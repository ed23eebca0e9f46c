#include "harness/output.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/interrupt.hpp"
#include "harness/invocation.hpp"
#include "probes/environment.hpp"
#include "probes/metric_set.hpp"
#include "reports/atomic_file.hpp"
#include "reports/definitions.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::harness {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int terminal_width() {
  const int columns = std::atoi(variable("COLUMNS").c_str());
  if (columns > 0) return columns;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 120;
}

bool unicode_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = variable(name);
    if (!value.empty())
      return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

reports::TerminalStyle terminal_style() {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const bool color = terminal && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  return {color, unicode_locale(), std::clamp(terminal_width(), 80, 200)};
}

reports::Report new_report(reports::Report::Kind kind, const workloads::ExecutionSpec& spec) {
  reports::Report report;
  report.kind = kind;
  report.tool = tool_identity();
  report.invocation = invocation();
  report.environment = probes::describe_environment(spec);
  report.definitions = reports::metric_definitions();
  report.definitions.update(probes::metric_set_definitions());
  return report;
}

void require_output(const std::string& path, const std::vector<std::string>& inputs) {
  if (path.empty()) return;
  for (const auto& input : inputs) {
    std::error_code missing;
    if (!input.empty() && std::filesystem::equivalent(path, input, missing) && !missing) {
      throw reports::InputError(path + ": would overwrite the input " + input +
                                ": choose another output file");
    }
  }
  reports::require_writable(path);
}

reports::ExitCode deliver(reports::Report& report, const std::string& path, bool quiet,
                          reports::ExitCode result) {
  report.partial = interrupted();
  if (report.partial && report.workloads.empty() && report.comparisons.empty()) {
    std::cerr << "ssmprof: interrupted before anything was measured: nothing written\n";
    return reports::ExitCode::interrupted;
  }
  if (!path.empty()) {
    reports::write_atomically(path, reports::dump(report));
    std::cout.flush();
    if (!quiet) {
      std::cerr << "Report: " << path << (report.partial ? " (partial: interrupted)" : "") << '\n';
    }
  }
  return report.partial ? reports::ExitCode::interrupted : result;
}

void rescue(reports::Report& report, const std::string& path, bool quiet,
            const std::string& failure) {
  if (path.empty() || report.workloads.empty()) return;
  report.partial = true;
  report.diagnostics.push_back({"run.failed", reports::Diagnostic::Level::error, failure,
                                "what came before is here; the rest was not measured"});
  reports::write_atomically(path, reports::dump(report));
  if (!quiet) std::cerr << "Report: " << path << " (partial: up to the failure)\n";
}

}  // namespace ssmprof::harness
