#include "probes/cupti/doctor_checks.hpp"

#include "probes/cupti/library.hpp"

namespace ssmprof::probes::cupti {

std::vector<Check> doctor_checks() {
  std::vector<Check> checks;
  const auto library = loaded_library();
  checks.push_back({"CUPTI library", library.version != 0 ? Check::ok : Check::missing,
                    library.path + ", version " + std::to_string(library.version), ""});
  return checks;
}

}  // namespace ssmprof::probes::cupti
