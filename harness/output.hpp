#pragma once

#include <filesystem>
#include <string>
#include <vector>

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

/// Where a report goes; empty means nowhere. Checked before a run. Throws reports::InputError when
/// it cannot be written or is one of the files that are read (empty names are none).
void require_output(const std::string& path, const std::vector<std::string>& inputs);

/// Marks the report partial when the run was interrupted, writes it whole or not at all, and unless
/// `quiet` says on standard error where it lies. Returns the exit code: `result`, or `interrupted`.
reports::ExitCode deliver(reports::Report& report, const std::string& path, bool quiet,
                          reports::ExitCode result);

/// What was measured before a failure is not lost: writes it, marked partial, with the failure as a
/// diagnostic. Does nothing without a path or a measured workload. The failure is the caller's.
void rescue(reports::Report& report, const std::string& path, bool quiet,
            const std::string& failure);

}  // namespace ssmprof::harness
