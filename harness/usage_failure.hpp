#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ssmprof::harness {

/// What is wrong with a command line and what to do, in one line. `command`: the subcommand whose
/// options were parsed, or the program.
std::string usage_failure(const CLI::App& command, const CLI::ParseError& error);

}  // namespace ssmprof::harness
