#include "harness/csv_table.hpp"
#include "reports/error.hpp"

#include "tests/catch.hpp"

using ssmprof::harness::parse_csv;

TEST_CASE("quoted fields, notices before the header and both line ends are read") {
  const auto table =
      parse_csv("==PROF== note\n\"ID\",\"Name\"\r\n\"0\",\"a \"\"b\"\", c\"\n1,x\n", "ID", "f.csv");
  CHECK(table.header == std::vector<std::string>{"ID", "Name"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0][1] == "a \"b\", c");
  CHECK(table.rows[1][1] == "x");
  CHECK(table.column_containing("am") == std::size_t{1});
  CHECK_FALSE(table.column_containing("zz").has_value());
}

TEST_CASE("what is no such table is refused") {
  const std::string text = GENERATE("", "Name,ID\n", "ID,Name\n1\n", "ID,Name\n\"1,2\n");
  CHECK_THROWS_AS(parse_csv(text, "ID", "f.csv"), ssmprof::reports::InputError);
}
