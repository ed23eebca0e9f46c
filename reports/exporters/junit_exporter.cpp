#include "reports/error.hpp"
#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::reports {
namespace {

/// XML text; characters that XML 1.0 cannot hold become "?".
std::string xml(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

std::string number(const std::optional<double>& value) {
  return value ? json_number(*value).dump() : "null";
}

std::string details(const ComparisonEntry& e) {
  std::string text = "baseline " + number(e.baseline) + ", candidate " + number(e.candidate) + " " +
                     e.unit + ", ratio " + number(e.ratio);
  if (e.interval) {
    text += " [" + json_number(e.interval->low).dump() + ", " +
            json_number(e.interval->high).dump() + "]";
  }
  return text;
}

class JunitExporter : public Exporter {
 public:
  std::string_view name() const override { return "junit"; }
  std::string_view summary() const override {
    return "JUnit XML of a comparison: regressed and missing fail, incomparable is an error, "
           "ambiguous is skipped";
  }
  void write(const Report& report, std::ostream& out) const override {
    if (report.kind != Report::Kind::comparison) {
      throw InputError("junit: needs a report of a comparison; make one with ssmprof compare");
    }
    out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ssmprof\">\n";
    for (const auto& c : report.comparisons) {
      int failures = 0;
      int errors = 0;
      int skipped = 0;
      for (const auto& e : c.entries) {
        failures += e.verdict == Verdict::regressed || e.verdict == Verdict::missing ? 1 : 0;
        errors += e.verdict == Verdict::incomparable ? 1 : 0;
        skipped += e.verdict == Verdict::ambiguous ? 1 : 0;
      }
      out << "  <testsuite name=\"" << xml(c.name) << "\" tests=\"" << c.entries.size()
          << "\" failures=\"" << failures << "\" errors=\"" << errors << "\" skipped=\"" << skipped
          << "\">\n";
      for (const auto& e : c.entries) write_case(e, out);
      out << "  </testsuite>\n";
    }
    out << "</testsuites>\n";
  }

 private:
  static void write_case(const ComparisonEntry& e, std::ostream& out) {
    const std::string name =
        (e.range.empty() ? "whole" : e.range) + " " + (e.metric.empty() ? "presence" : e.metric);
    out << "    <testcase classname=\"" << xml(e.workload) << "\" name=\"" << xml(name) << "\"";
    const char* element = nullptr;
    if (e.verdict == Verdict::regressed || e.verdict == Verdict::missing) element = "failure";
    if (e.verdict == Verdict::incomparable) element = "error";
    if (e.verdict == Verdict::ambiguous) element = "skipped";
    if (element == nullptr) {
      out << "/>\n";
      return;
    }
    const std::string message =
        std::string(name_of(e.verdict)) + (e.reason.empty() ? "" : ": " + e.reason);
    out << ">\n      <" << element << " message=\"" << xml(message) << "\"";
    if (std::string(element) != "skipped") out << " type=\"" << name_of(e.verdict) << "\"";
    out << ">" << xml(details(e)) << "</" << element << ">\n    </testcase>\n";
  }
};

}  // namespace

std::unique_ptr<Exporter> make_junit_exporter() {
  return std::make_unique<JunitExporter>();
}

}  // namespace ssmprof::reports
