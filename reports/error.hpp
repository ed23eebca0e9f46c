#pragma once

#include <stdexcept>
#include <string>

namespace ssmprof::reports {

/// The one table of exit codes (docs/exit_codes.md).
enum class ExitCode : int {
  ok = 0,
  mismatch = 1,       ///< regression, or results that should agree do not
  usage = 2,          ///< wrong command line or bad input
  environment = 3,    ///< no device, no permission, not enough memory
  incomparable = 4,   ///< reports that cannot be compared, or ambiguous with --strict
  internal = 70,      ///< a fault of the program itself
  interrupted = 130,  ///< SIGINT; what was measured is written and marked partial
};

/// A failure a user can act on. `what()` is one line: what failed, where, and what to do.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Bad command line or bad input: exit code 2.
struct InputError : Error {
  explicit InputError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// The machine lacks what the run needs: exit code 3.
struct EnvironmentError : Error {
  explicit EnvironmentError(const std::string& message) : Error(ExitCode::environment, message) {}
};

}  // namespace ssmprof::reports
