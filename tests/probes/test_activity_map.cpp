#include "probes/activity_map.hpp"

#include "tests/catch.hpp"
#include "tests/probes/fake_execution.hpp"

using namespace ssmprof;
using namespace ssmprof::probes;
using namespace ssmprof::probes::testing;

namespace {

constexpr std::size_t kRanges = 6;  // of small_tree()

struct Log : ActivityLog {
  Log() { names = {"first", "second"}; }
  /// A kernel launched in a range of a run; range -1: outside.
  void kernel(std::size_t run, int range, std::uint64_t start, std::uint64_t end, int name = 0) {
    DeviceActivity activity;
    activity.start = start;
    activity.end = end;
    activity.correlation = ++last;
    activity.name = name;
    activity.grid = {4, 1, 1};
    activity.block = {64, 1, 1};
    activities.push_back(activity);
    if (range >= 0) external[last] = external_id(run, static_cast<std::size_t>(range), kRanges);
  }
  std::uint32_t last = 100;
};

}  // namespace

TEST_CASE("time is the union where kernels overlap and the sum where each counts") {
  const auto cover = coverage({{100, 200}, {150, 250}, {400, 500}, {420, 430}});
  CHECK(cover.sum == Approx(310e-9));
  CHECK(cover.covered == Approx(250e-9));
  CHECK(cover.span == Approx(400e-9));
  CHECK(cover.gap() == Approx(150e-9));
  CHECK(coverage({}).span == 0);
}

TEST_CASE("kernels belong to the leaf that launched them, in whatever order they ran") {
  Log log;
  log.kernel(0, 4, 1000, 3000, 1);
  log.kernel(0, 3, 2000, 2500);  // overlaps the other leaf
  log.kernel(0, 3, 4000, 4500);
  log.kernel(1, 3, 9000, 9700);
  log.kernel(1, 3, 9800, 9900);
  log.kernel(1, 4, 9950, 9960, 1);
  const auto map = map_activities(log, small_tree(), 2);
  CHECK(map.found == 6);
  CHECK(map.missed == 0);
  const auto& conv = map.ranges[3];
  CHECK(conv.launches == std::vector<std::size_t>{2, 2});
  CHECK(conv.kernel_time[0] == Approx(1000e-9));
  CHECK(conv.launch_gap[0] == Approx(1500e-9));
  CHECK(conv.kernel_time[1] == Approx(800e-9));
  const auto& layer = map.ranges[2];
  CHECK(layer.launches == std::vector<std::size_t>{3, 3});
  CHECK(layer.kernel_time[0] == Approx(3000e-9));
  CHECK(layer.kernel_time_union[0] == Approx(2500e-9));
  CHECK(map.whole.launches == std::vector<std::size_t>{3, 3});
  CHECK(map.ranges[5].launches == std::vector<std::size_t>{0, 0});
  REQUIRE(conv.kernels.size() == 1);
  CHECK(conv.kernels[0].launches == 2);
  CHECK(conv.kernels[0].time == Approx(900e-9));
  CHECK(map.ranges[4].kernels[0].name == "second");
}

TEST_CASE("kernels without a range are missed, and still part of their run") {
  Log log;
  log.kernel(0, 3, 1000, 2000);
  log.kernel(0, -1, 500, 800);  // before the first run's last range ends
  log.kernel(1, 3, 3000, 4000);
  log.kernel(1, -1, 2500, 2600);
  log.kernel(0, -1, 9000, 9100);  // after everything
  log.external[7777] = 999999;    // an id of nobody
  log.dropped = 3;
  const auto map = map_activities(log, small_tree(), 2);
  CHECK(map.found == 2);
  CHECK(map.missed == 3);
  CHECK(map.foreign == 1);
  CHECK(map.found_time == Approx(2000e-9));
  CHECK(map.missed_time == Approx(500e-9));
  CHECK(map.whole.launches == std::vector<std::size_t>{2, 2});
}

TEST_CASE("the kernels of a graph share the launch's correlation and land in its range") {
  Log log;
  log.kernel(0, 3, 1000, 1100);
  for (int i = 0; i < 3; ++i) {
    auto node = log.activities.front();
    node.start = 2000 + 100 * i;
    node.end = node.start + 50;
    node.graph_node = 11 + i;
    log.activities.push_back(node);
  }
  const auto map = map_activities(log, small_tree(), 1);
  CHECK(map.in_graphs == 3);
  CHECK(map.ranges[3].launches == std::vector<std::size_t>{4});
}

TEST_CASE("copies and fills are seen but are no launches") {
  Log log;
  log.kernel(0, 3, 1000, 1100);
  auto copy = log.activities.front();
  copy.kind = DeviceActivity::Kind::copy;
  log.activities.push_back(copy);
  const auto map = map_activities(log, small_tree(), 1);
  CHECK(map.ranges[3].launches == std::vector<std::size_t>{1});
  CHECK(map.ranges[3].copies == 1);
}

TEST_CASE("kernel names are demangled and shortened") {
  CHECK(short_kernel_name("plain_c_kernel") == "plain_c_kernel");
  CHECK(short_kernel_name("_ZN7ssmprof7kernels4scanEPKfPfi") == "ssmprof::kernels::scan");
  CHECK(short_kernel_name("_Z3fooIfLi4EEvPT_") == "foo<float, 4>");
  CHECK(short_kernel_name("_ZN2at6native12_GLOBAL__N_14fillIfEEvPT_i") ==
        "at::native::fill<float>");
  CHECK(short_kernel_name(std::string(200, 'x'), 50).size() == 50);
}
