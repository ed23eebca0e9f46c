#pragma once

#include <filesystem>
#include <string>

#include "reports/error.hpp"
#include "reports/report.hpp"
#include "reports/terminal.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// Colour, width and glyphs of standard output: NO_COLOR, non-terminals, COLUMNS and the locale
/// are respected.
reports::TerminalStyle terminal_style();

/// A report with tool, invocation, environment and definitions filled in.
reports::Report new_report(reports::Report::Kind kind, const workloads::ExecutionSpec& spec);

/// Where a report goes; empty means nowhere. Checked before a run.
void require_output(const std::string& path);

/// Marks the report partial when the run was interrupted, writes it whole or not at all, and says
/// where it lies. Returns the exit code: `result`, or `interrupted`.
reports::ExitCode deliver(reports::Report& report, const std::string& path,
                          reports::ExitCode result);

}  // namespace ssmprof::harness
