#include <map>

#include "workloads/tokens.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;

TEST_CASE("token files: ids or bytes") {
  const TemporaryFolder folder;
  write_file(folder / "t.json", "[[0, 1, 2],\n [7, 8, 9]]");
  CHECK(load_tokens(folder / "t.json", 10) == TokenBatch{{0, 1, 2}, {7, 8, 9}});
  write_file(folder / "t.txt", "AB\xff");
  CHECK(load_tokens(folder / "t.txt", 256) == TokenBatch{{65, 66, 255}});
}

TEST_CASE("random tokens are uniform, seeded and inside the vocabulary") {
  const TokenBatch tokens = random_tokens(4, 5000, 7, 1);
  CHECK(tokens == random_tokens(4, 5000, 7, 1));
  CHECK(tokens != random_tokens(4, 5000, 7, 2));
  CHECK(tokens[0] != tokens[1]);
  std::map<std::int64_t, int> counts;
  for (const auto& row : tokens) {
    for (const std::int64_t id : row) ++counts[id];
  }
  CHECK(counts.size() == 7);
  for (const auto& [id, count] : counts) {
    CHECK(id >= 0);
    CHECK(id < 7);
    CHECK(count == Approx(20000 / 7.0).epsilon(0.1));
  }
  CHECK(random_tokens(1, 3, 5, 0)[0] == std::vector<std::int64_t>{2, 3, 4});
}

TEST_CASE("tokens are cut or repeated to the shape of a run") {
  const TokenBatch two = {{1, 2, 3}, {4, 5, 6}};
  CHECK(fit_tokens(two, 2, 2) == TokenBatch{{1, 2}, {4, 5}});
  CHECK(fit_tokens(two, 1, 3) == TokenBatch{{1, 2, 3}});
  CHECK(fit_tokens(two, 1, 5) == TokenBatch{{1, 2, 3, 4, 5}});
  CHECK(fit_tokens(two, 3, 4) == TokenBatch{{1, 2, 3, 4}, {5, 6, 1, 2}, {3, 4, 5, 6}});
  CHECK(fit_tokens({{9}}, 2, 2) == TokenBatch{{9, 9}, {9, 9}});
  CHECK(contains(error_of([] { fit_tokens({}, 1, 1); }), "no tokens"));
}
