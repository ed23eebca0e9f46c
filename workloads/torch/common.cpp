#include "workloads/torch/common.hpp"

namespace ssmprof::workloads {

std::string first_line(const std::string& message) {
  return message.substr(0, message.find('\n'));
}

}  // namespace ssmprof::workloads
