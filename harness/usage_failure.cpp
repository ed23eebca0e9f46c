#include "harness/usage_failure.hpp"

#include "harness/failure.hpp"

namespace ssmprof::harness {
namespace {

/// What an option's value is, by the name of its type.
std::string kind_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type == "INT") return "a whole number";
  if (type == "UINT") return "a whole number of at least 0";
  if (type == "FLOAT") return "a number";
  return type;
}

/// The option that the parser's message begins with, behind `before`; or null.
const CLI::Option* named(const CLI::App& command, const std::string& message, std::size_t before) {
  const auto end = message.find_first_of(" :", before);
  return command.get_option_no_throw(message.substr(before, end - before));
}

}  // namespace

std::string usage_failure(const CLI::App& command, const CLI::ParseError& error) {
  const std::string said = one_line(error.what());
  const auto about = [&](const CLI::Option& option, const std::string& what) {
    return option.get_name() + ": " + what;
  };
  if (error.get_name() == "ConversionError") {
    const std::string start = "Could not convert: ";
    const auto value = said.find(" = ");
    if (said.starts_with(start) && value != std::string::npos) {
      if (const auto* option = named(command, said, start.size())) {
        return about(*option, "'" + said.substr(value + 3) + "' is not " + kind_of(*option) +
                                  ", or out of its range: give another");
      }
    }
  } else if (error.get_name() == "ArgumentMismatch") {
    if (const auto* option = named(command, said, 0)) {
      return about(*option, said.find("At Most 1") != std::string::npos
                                ? "given more than once: give it once"
                                : "no value is given: give " + kind_of(*option));
    }
  } else if (error.get_name() == "RequiredError") {
    if (const auto* option = named(command, said, 0)) {
      return about(*option, "missing, and it is required");
    }
  }
  return said;
}

}  // namespace ssmprof::harness
