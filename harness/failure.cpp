#include "harness/failure.hpp"

#include <new>
#include <stdexcept>

#include "reports/terminal_text.hpp"

namespace ssmprof::harness {

using reports::ExitCode;

std::string one_line(std::string text) {
  if (auto end = text.find('\n'); end != std::string::npos) text.resize(end);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return reports::printable(text);
}

Failure failure_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const reports::Error& error) {
    return {error.code(), one_line(error.what())};
  } catch (const std::bad_alloc&) {
    return {ExitCode::environment,
            "not enough memory for this run: use a smaller model, batch or length"};
  } catch (const std::runtime_error& error) {
    return {ExitCode::environment, one_line(error.what())};
  } catch (const std::exception& error) {
    return {ExitCode::internal, one_line(std::string("internal error: ") + error.what())};
  } catch (...) {
    return {ExitCode::internal, "internal error: an exception of an unknown type"};
  }
}

}  // namespace ssmprof::harness
