#include "harness/names.hpp"

#include <algorithm>
#include <sstream>

#include "reports/error.hpp"

namespace ssmprof::harness {

std::string listed(const std::vector<std::string>& names, const char* conjunction) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? std::string(" ") + conjunction + " " : ", ";
    text += names[i];
  }
  return text;
}

std::vector<std::string> parse_names(const std::string& option, const std::string& text) {
  std::vector<std::string> names;
  std::string part;
  std::istringstream stream(text + ",");
  while (std::getline(stream, part, ',')) {
    if (part.empty()) {
      throw reports::InputError(option + ": '" + text +
                                "' has an empty part: separate names with "
                                "one comma");
    }
    if (std::find(names.begin(), names.end(), part) == names.end()) names.push_back(part);
  }
  return names;
}

void refuse_name(const std::string& option, const std::string& value,
                 const std::vector<std::string>& known) {
  throw reports::InputError(option + ": unknown value '" + value + "': use " + listed(known, "or"));
}

}  // namespace ssmprof::harness
