#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "reports/error.hpp"

namespace ssmprof::harness {

/// One subcommand. A file commands/NAME_command.cpp defines make_NAME_command(); the registry is
/// generated from the file names.
class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;
  /// Declares options; the values land in members of the command.
  virtual void declare(CLI::App& app) = 0;
  /// Runs after parsing. Throws reports::Error with the exit code on failure.
  virtual reports::ExitCode run() = 0;
};

std::vector<std::unique_ptr<Command>> make_commands();

}  // namespace ssmprof::harness
