#include <cmath>
#include <set>
#include <sstream>

#include "reports/error.hpp"
#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"

#include "../catch.hpp"
#include "approval.hpp"
#include "sample.hpp"

using namespace ssmprof::reports;

namespace {

std::string exported(const std::string& format, const Report& report) {
  for (const auto& e : make_exporters()) {
    if (e->name() != format) continue;
    std::ostringstream out;
    e->write(report, out);
    return out.str();
  }
  FAIL("no exporter " << format);
  return "";
}

}  // namespace

TEST_CASE("every exporter is registered once and says what it does") {
  std::set<std::string> names;
  for (const auto& e : make_exporters()) {
    CHECK(names.insert(std::string(e->name())).second);
    CHECK_FALSE(e->summary().empty());
  }
  CHECK(names == std::set<std::string>{"csv", "gbench", "junit", "markdown", "trace"});
}

TEST_CASE("exports are as approved") {
  approve("run.csv", exported("csv", sample::run()));
  approve("comparison.csv", exported("csv", sample::paired()));
  approve("run.md", exported("markdown", sample::run()));
  approve("comparison.md", exported("markdown", sample::paired()));
  approve("run.gbench.json", exported("gbench", sample::run()));
  approve("run.trace.json", exported("trace", sample::run()));
  approve("comparison.junit.xml", exported("junit", compare_reports(sample::run(), sample::run(1.2),
                                                                    default_policy(), false)));
}

TEST_CASE("the formats that cannot say it refuse it") {
  CHECK_THROWS_AS(exported("gbench", sample::paired()), InputError);
  CHECK_THROWS_AS(exported("trace", sample::paired()), InputError);
  CHECK_THROWS_AS(exported("junit", sample::run()), InputError);
}

TEST_CASE("google-benchmark JSON has what its readers need") {
  const auto j = nlohmann::json::parse(exported("gbench", sample::run()));
  CHECK(j["context"]["caches"].is_array());
  CHECK(j["context"]["json_schema_version"] == 1);
  CHECK(j["benchmarks"][0]["run_type"] == "aggregate");
  CHECK(j["benchmarks"][0]["aggregate_name"] == "median");
  CHECK(j["benchmarks"][0]["real_time"].get<double>() ==
        Approx(1e9 * *sample::workload().metrics[0].value));
}

TEST_CASE("the trace's ranges nest and its time is the sum of the leaves") {
  const auto j = nlohmann::json::parse(exported("trace", sample::run()));
  double leaves = 0;
  double root = 0;
  double cursor = 0;
  for (const auto& e : j["traceEvents"]) {
    if (e["ph"] != "X") continue;
    if (e["name"] == "forward") root = e["dur"];
    if (e["cat"] == "group") continue;
    CHECK(e["ts"].get<double>() == Approx(cursor).margin(1e-6));
    cursor = e["ts"].get<double>() + e["dur"].get<double>();
    leaves += e["dur"].get<double>();
  }
  CHECK(root == Approx(leaves));
}

TEST_CASE("CSV quotes and XML escapes what would break them") {
  Report r = sample::run();
  r.workloads[0].id = "a,\"b\"\nc";
  CHECK(exported("csv", r).find("\"a,\"\"b\"\"\nc\",") != std::string::npos);
  Report c = sample::paired();
  c.comparisons[0].name = "<a> & \"b\"\x01";
  CHECK(exported("junit", c).find("&lt;a&gt; &amp; &quot;b&quot;?") != std::string::npos);
  c.comparisons[0].name = "a|b<c";
  CHECK(exported("markdown", c).find("a\\|b&lt;c") != std::string::npos);
}

TEST_CASE("numbers that are not finite leave no trace in any export") {
  Report r = sample::run();
  r.workloads[0].metrics[0].value = std::nan("");
  r.workloads[0].ranges[2].metrics[0].value = INFINITY;
  for (const auto& e : make_exporters()) {
    if (e->name() == "junit") continue;
    std::ostringstream out;
    e->write(r, out);
    CHECK(out.str().find(",nan") == std::string::npos);
    CHECK(out.str().find("inf,") == std::string::npos);
    if (e->name() == "trace" || e->name() == "gbench") {
      CHECK(nlohmann::json::accept(out.str()));
    }
  }
}
