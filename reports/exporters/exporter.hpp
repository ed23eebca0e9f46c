#pragma once

#include <memory>
#include <ostream>
#include <string_view>
#include <vector>

#include "reports/report.hpp"

namespace ssmprof::reports {

/// Writes a report in a format that other tools read. A file exporters/NAME_exporter.cpp defines
/// make_NAME_exporter(); `ssmprof export --format NAME` finds it by name().
class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;
  virtual void write(const Report& report, std::ostream& out) const = 0;
};

/// All exporters, generated from the files exporters/*_exporter.cpp.
std::vector<std::unique_ptr<Exporter>> make_exporters();

}  // namespace ssmprof::reports
