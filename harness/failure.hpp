#pragma once

#include <exception>
#include <string>

#include "reports/error.hpp"

namespace ssmprof::harness {

/// How a command ended that threw: its exit code and what is said of it, one printable line.
struct Failure {
  reports::ExitCode code = reports::ExitCode::internal;
  std::string line;
};

/// Judges an exception: reports::Error says its code itself; what devices and libraries throw
/// (std::runtime_error) and a lack of memory are of the environment; everything else is a fault of
/// the program.
Failure failure_of(const std::exception_ptr& thrown);

/// The first line of a message, printable, without spaces at its end.
std::string one_line(std::string text);

}  // namespace ssmprof::harness
