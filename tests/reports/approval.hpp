#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "../catch.hpp"

/// Compares a text with tests/reports/approved/NAME. SSMPROF_APPROVE=1 in the environment accepts
/// the text as it is: read the diff before committing it.
inline void approve(const std::string& name, const std::string& text) {
  const std::string path = std::string(SSMPROF_SOURCE_DIR) + "/tests/reports/approved/" + name;
  if (std::getenv("SSMPROF_APPROVE") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
  }
  std::ifstream in(path, std::ios::binary);
  const std::string approved{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  INFO("approved: " << path);
  CHECK(text == approved);
}
