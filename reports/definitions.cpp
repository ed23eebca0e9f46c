#include "reports/definitions.hpp"

#include <map>
#include <stdexcept>

namespace ssmprof::reports {

const std::map<std::string, std::string>& embedded_data();  // generated from data/*.json

const std::string& data_file(const std::string& stem) {
  const auto found = embedded_data().find(stem);
  if (found == embedded_data().end()) throw std::out_of_range("no data file " + stem);
  return found->second;
}

const nlohmann::json& metric_definitions() {
  static const nlohmann::json definitions = nlohmann::json::parse(data_file("definitions"));
  return definitions;
}

}  // namespace ssmprof::reports
