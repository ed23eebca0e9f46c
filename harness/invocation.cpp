#include "harness/invocation.hpp"

#include <chrono>
#include <ctime>
#include <filesystem>

namespace ssmprof::harness {
namespace {

nlohmann::json& stored() {
  static nlohmann::json value = nlohmann::json::object();
  return value;
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

std::string tool_version() {
  return SSMPROF_VERSION;
}

void record_invocation(int argc, const char* const* argv) {
  auto arguments = nlohmann::json::array();
  // The program by its name: where it was installed is nobody's matter.
  for (int i = 0; i < argc; ++i) {
    arguments.push_back(i == 0 ? std::filesystem::path(argv[0]).filename().string() : argv[i]);
  }
  stored() = {{"argv", std::move(arguments)}, {"started", utc_now()}};
}

nlohmann::json invocation() {
  return stored();
}

nlohmann::json tool_identity() {
  return {{"name", "ssmprof"}, {"version", tool_version()}, {"git", SSMPROF_GIT}};
}

}  // namespace ssmprof::harness
