#include <cmath>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "reports/error.hpp"
#include "reports/json_io.hpp"

#include "../catch.hpp"
#include "approval.hpp"
#include "sample.hpp"
#include "temporary_folder.hpp"

using namespace ssmprof::reports;
namespace fs = std::filesystem;

namespace {

std::string complaint(const nlohmann::json& document) {
  try {
    report_from_json(document, "R.json");
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

/// The complaint about a file of this content: one line that names the file.
std::string file_complaint(const TemporaryFolder& folder, const std::string& content) {
  const fs::path path = folder.path / "r.json";
  std::ofstream(path, std::ios::binary) << content;
  try {
    read_report(path);
  } catch (const InputError& e) {
    const std::string what = e.what();
    CHECK(what.find(path.string()) == 0);
    CHECK(what.find('\n') == std::string::npos);
    return what;
  }
  return "accepted";
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

nlohmann::json with(const char* pointer, const nlohmann::json& value) {
  nlohmann::json j = to_json(sample::run());
  j[nlohmann::json::json_pointer(pointer)] = value;
  return j;
}

}  // namespace

TEST_CASE("reports come back as they were written") {
  for (const Report& report : {sample::run(), sample::paired()}) {
    const nlohmann::json j = to_json(report);
    CHECK((to_json(report_from_json(j, "x")) == j));
    CHECK((nlohmann::json::parse(dump(report)) == j));
  }
  approve("run.json", dump(sample::run()));
  approve("comparison.json", dump(sample::paired()));
}

TEST_CASE("numbers: whole ones without a point, none that JSON does not have") {
  CHECK(json_number(3).dump() == "3");
  CHECK(json_number(-0.0).dump() == "0");
  CHECK(json_number(0.5).dump() == "0.5");
  CHECK(json_number(1e15).dump() == "1000000000000000");
  CHECK(json_number(1e300).dump() == "1e+300");
  CHECK(json_number(NAN).is_null());
  Report r = sample::run();
  auto& w = r.workloads[0];
  w.metrics[0].value = NAN;
  w.metrics[1].samples[2] = INFINITY;
  w.metrics[2].interval->high = INFINITY;
  w.settings["x"] = NAN;
  w.ranges[5].kernels[0].occupancy = NAN;
  const auto j = to_json(r)["workloads"][0];
  CHECK(j["metrics"]["time"]["value"].is_null());
  CHECK(j["metrics"]["time"]["reason"] == "the value is not a finite number");
  CHECK(j["metrics"]["time_other"]["value"].is_null());
  CHECK(j["metrics"]["time_other"]["reason"] == "sample 2 is not a finite number");
  CHECK(j["metrics"]["ttft"]["reason"] == "the interval is not finite");
  CHECK(j["settings"]["x"].is_null());
  CHECK_NOTHROW(report_from_json(to_json(r), "x"));
  r = sample::paired();
  r.comparisons[0].entries[0].ratio = NAN;
  r.comparisons[0].entries[0].reason = "";
  const auto e = to_json(r)["comparisons"][0]["entries"][0];
  CHECK(e["ratio"].is_null());
  CHECK(e["reason"] == "a number is not finite");
}

TEST_CASE("text that is no UTF-8 is written as text that is") {
  Report r = sample::run();
  r.workloads[0].ranges[5].kernels[0].name = "bad \xff name";
  CHECK(nlohmann::json::accept(dump(r)));
}

TEST_CASE("every complaint names the file and the path in it") {
  CHECK(complaint(1) == "R.json: /: expected a report object, found number");
  contains(complaint(nlohmann::json::object()), "not an ssmprof report");
  contains(complaint(with("/schema_version", "2.0.0")), "another major version");
  contains(complaint(with("/schema_version", 1)), "/schema_version: expected a string");
  CHECK(complaint(with("/schema_version", "1.9.3")) == "accepted");
  for (const char* version : {"1.0.0junk", "1.0", "1", "1.0.0.0", "1..0", "01.0.0", "1.-1.0", "",
                              " 1.0.0", "1.0.0 ", "1.0.99999999999", "v1.0.0"}) {
    contains(complaint(with("/schema_version", version)), "is no version like 1.0.0");
  }
  auto newer = with("/schema_version", "1.9.0");
  newer["workloads"][0]["power_limit"] = 1;
  contains(complaint(newer), "unknown key \"power_limit\"");
  contains(complaint(newer), "written in version 1.9.0");
  newer["schema_version"] = "1.0.9";
  CHECK(complaint(newer).find("written in") == std::string::npos);
  contains(complaint(with("/kind", "x")), "\"x\" is none of run, comparison");
  contains(complaint(with("/extra", 1)), "unknown key \"extra\"");
  contains(complaint(with("/partial", 0)), "/partial: expected true or false, found number");
  contains(complaint(with("/workloads", 0)), "/workloads: expected an array");
  contains(complaint(with("/environment", nullptr)), "/environment: expected an object");
  contains(complaint(with("/workloads/0/id", nullptr)), "/workloads/0/id: expected a string");
  contains(complaint(with("/workloads/0/metrics/flops/value", "1")),
           "/workloads/0/metrics/flops/value: expected a number or null, found string");
  contains(complaint(with("/workloads/0/metrics/flops/value", nullptr)), "without a reason");
  contains(complaint(with("/workloads/0/metrics/flops/class", "x")), "is none of deterministic");
  contains(complaint(with("/workloads/0/metrics/time/samples/3", nullptr)), "/samples/3");
  contains(complaint(with("/workloads/0/metrics/time/interval/low", 9)), "low is above high");
  contains(complaint(with("/workloads/0/metrics/time/interval/level", 2)), "level is not in");
  contains(complaint(with("/workloads/0/metrics/time/value", 1)), "outside its interval");
  contains(complaint(with("/workloads/0/metrics/time/value", 0)), "outside its interval");
  contains(complaint(with("/workloads/0/metrics/time/samples", nlohmann::json::array())),
           "/workloads/0/metrics/time: an interval without the samples");
  contains(complaint(with("/workloads/0/ranges/5/metrics/time/value", 1)),
           "/ranges/5/metrics/time: the value is outside its interval (workload \"");
  contains(complaint(with("/workloads/0/ranges/5/metrics/time/value", 1)), ", range \"layer.00/");
  contains(complaint(with("/workloads/0/attributions/0/rows/0/metrics/time/value", 9)), ", row \"");
  auto no_value = with("/workloads/0/metrics/time/value", nullptr);
  no_value["workloads"][0]["metrics"]["time"]["reason"] = "why";
  contains(complaint(no_value), "an interval without a value");
  contains(complaint(with("/workloads/0/ranges/1/parent", 1)), "stands before its parent");
  contains(complaint(with("/workloads/0/ranges/1/parent", -2)), "parent: out of range");
  contains(complaint(with("/workloads/0/ranges/1/parent", 1e30)), "expected an integer");
  contains(complaint(with("/workloads/0/ranges/1/layer", 18446744073709551615ULL)), "out of range");
  contains(complaint(with("/workloads/0/ranges/1/id", "forward")), "is there twice");
  contains(complaint(with("/workloads/0/ranges/5/kernels/0/grid", {1, 2})), "expected 3 numbers");
  contains(complaint(with("/workloads/0/diagnostics/0/level", "bad")), "none of info");
  auto j = to_json(sample::run());
  j["workloads"].push_back(j["workloads"][0]);
  contains(complaint(j), "is there twice");
  j = to_json(sample::run());
  for (const auto& key : {"kind", "workloads", "definitions", "partial"}) {
    auto without = j;
    without.erase(key);
    contains(complaint(without), std::string("the key \"") + key + "\" is missing");
  }
  j = to_json(sample::paired());
  j["comparisons"][0]["entries"][0]["verdict"] = "better";
  contains(complaint(j), "/comparisons/0/entries/0/verdict");
}

TEST_CASE("a roofline is null or has points that can be shown") {
  const auto points = [](const char* text) {
    return complaint(with("/workloads/0/roofline", nlohmann::json::parse(text)));
  };
  CHECK(points("null") == "accepted");
  CHECK(points("{}") == "accepted");
  CHECK(points(R"({"points": [{"component": "ssd", "binds": null, "share_of_limit": null}]})") ==
        "accepted");
  CHECK(points(R"({"points": [{"component": "a", "binds": "dram", "share_of_limit": 1}]})") ==
        "accepted");
  contains(points("7"), "/workloads/0/roofline: expected an object or null, found number");
  contains(points(R"({"points": 7})"), "/roofline/points: expected an array");
  contains(points(R"({"points": [5]})"), "/roofline/points/0: expected an object");
  contains(points(R"({"points": [{}]})"), "the key \"component\" is missing");
  contains(points(R"({"points": [{"component": 5}]})"), "/points/0/component: expected a string");
  contains(points(R"({"points": [{"component": "a", "binds": 1}]})"), "/binds: expected a string");
  contains(points(R"({"points": [{"component": "a", "share_of_limit": "1"}]})"),
           "/share_of_limit: expected a number or null");
}

TEST_CASE("what is no regular file is refused, and nothing waits for it") {
  const TemporaryFolder folder;
  const auto complaint_of = [&](const char* name) {
    try {
      read_json_file(folder.path / name);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
  fs::create_symlink("pipe", folder.path / "link");
  fs::create_symlink("loop", folder.path / "loop");
  std::ofstream(folder.path / "good.json") << "{}";
  fs::create_symlink("good.json", folder.path / "good");
  contains(complaint_of("pipe"), "pipe: is not a regular file");
  contains(complaint_of("link"), "link: is not a regular file");
  contains(complaint_of("loop"), "loop: cannot be read (Too many levels of symbolic links)");
  contains(complaint_of("none"), "none: no such file");
  contains(complaint_of("good/x"), "good/x: cannot be read (Not a directory)");
  CHECK(complaint_of("good") == "accepted");
}

TEST_CASE("files that are no reports: one clear line") {
  const TemporaryFolder folder;
  const std::string good = dump(sample::run());
  CHECK(file_complaint(folder, good) == "accepted");
  contains(file_complaint(folder, ""), "not valid JSON");
  contains(file_complaint(folder, good.substr(0, good.size() / 2)), "not valid JSON");
  contains(file_complaint(folder, good + "x"), "not valid JSON");
  contains(file_complaint(folder, "{\"a\": NaN}"), "not valid JSON");
  contains(file_complaint(folder, "{\"a\": 1e999}"), "not valid JSON");
  contains(file_complaint(folder, "{\"a\": \"\xff\"}"), "not valid JSON");
  contains(file_complaint(folder, std::string("\0\x01\x02", 3)), "not valid JSON");
  contains(file_complaint(folder, "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}"),
           "\"c\" is there twice");
  contains(file_complaint(folder, "[{\"a\": 1}, {\"a\": 1}]"), "expected a report object");
  contains(file_complaint(folder, std::string(1000000, '[')), "nested deeper");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  contains(file_complaint(folder, deep), "nested deeper");
  CHECK_THROWS_AS(read_report(folder.path), InputError);
  CHECK_THROWS_AS(read_report(folder.path / "none.json"), InputError);
  CHECK_THROWS_AS(read_report(""), InputError);
}

TEST_CASE("every truncation and many mutations of a report are read or refused, never worse") {
  const TemporaryFolder folder;
  Report small = sample::run();
  small.workloads[0].ranges.resize(4);
  small.workloads[0].attributions.clear();
  small.definitions = nlohmann::json::object();
  const std::string good = dump(small);
  const fs::path path = folder.path / "r.json";
  int refused = 0;
  for (std::size_t i = 0; i < good.size(); i += 41) {
    std::string bad = good;
    bad[i] = static_cast<char>(i * 31 % 256);
    for (const auto& text : {bad, good.substr(0, i)}) {
      std::ofstream(path, std::ios::binary) << text;
      try {
        read_report(path);
      } catch (const InputError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > static_cast<int>(good.size() / 41));
}

TEST_CASE("a comparison where a run is needed is refused, and the other way round") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "c.json";
  std::ofstream(path) << dump(sample::paired());
  CHECK(read_report(path, Report::Kind::comparison).comparisons.size() == 1);
  CHECK_THROWS_AS(read_report(path, Report::Kind::run), InputError);
  std::ofstream(path) << dump(sample::run());
  CHECK_THROWS_AS(read_report(path, Report::Kind::comparison), InputError);
}

TEST_CASE("the definitions are complete") {
  for (const auto& [id, d] : metric_definitions().items()) {
    CHECK(d.size() == 5);
    CHECK_FALSE(d["definition"].get<std::string>().empty());
  }
  for (const auto& m : sample::workload().metrics) {
    REQUIRE(metric_definitions().contains(m.id));
    CHECK(metric_definitions()[m.id]["unit"] == m.unit);
    CHECK(metric_definitions()[m.id]["class"] == name_of(m.cls));
  }
}
