#include "harness/sweep.hpp"
#include "reports/error.hpp"

#include "tests/catch.hpp"

using ssmprof::harness::parse_sweep;
using Values = std::vector<std::int64_t>;

TEST_CASE("sweeps expand in order without repeats") {
  CHECK(parse_sweep("--seqlen", "64") == Values{64});
  CHECK(parse_sweep("--seqlen", "64:512:x2") == Values{64, 128, 256, 512});
  CHECK(parse_sweep("--seqlen", "64:500:x2") == Values{64, 128, 256});
  CHECK(parse_sweep("--seqlen", "10:20:+5") == Values{10, 15, 20});
  CHECK(parse_sweep("--seqlen", "8,1,8,2:4:x2") == Values{8, 1, 2, 4});
  CHECK(parse_sweep("--seqlen", "1:1099511627776:x1099511627776") == Values{1, 1099511627776});
}

TEST_CASE("bad sweeps are refused by name") {
  const std::string part = GENERATE("", "0", "-1", "1.5", "a", "64:32:x2", "64:128:x1", "64:128:+0",
                                    "64:128", "64:128:*2", "1:2:3:4", "1,,2", "1,", "64:128:x",
                                    "99999999999999999999", "1:1000000:+1", " 1", "1e3", "0x10");
  try {
    parse_sweep("--seqlen", part);
    FAIL("accepted " << part);
  } catch (const ssmprof::reports::InputError& error) {
    CHECK(std::string(error.what()).rfind("--seqlen: ", 0) == 0);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
  }
}
