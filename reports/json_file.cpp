#include <fstream>
#include <unordered_set>
#include <vector>

#include "reports/error.hpp"
#include "reports/input_file.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::reports {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::uintmax_t kMaxBytes = std::uintmax_t{1} << 30;

}  // namespace

nlohmann::json read_json_file(const std::filesystem::path& path) {
  const std::string where = path.string();
  require_regular_file(path, "a JSON file");
  std::error_code error;
  if (std::filesystem::file_size(path, error) > kMaxBytes && !error) {
    throw InputError(where + ": larger than 1 GiB: not a report");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError(where + ": cannot be opened: check its permissions");
  std::vector<std::unordered_set<std::string>> keys;
  const nlohmann::json::parser_callback_t check =
      [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        using Event = nlohmann::json::parse_event_t;
        if (depth > kMaxDepth) {
          throw InputError(where + ": nested deeper than " + std::to_string(kMaxDepth) +
                           " levels: not a report");
        }
        const auto level = static_cast<std::size_t>(depth);
        if (event == Event::object_start) {
          if (keys.size() <= level + 1) keys.resize(level + 2);
          keys[level + 1].clear();
        } else if (event == Event::key && !keys[level].insert(parsed.get<std::string>()).second) {
          throw InputError(where + ": the key \"" + parsed.get<std::string>().substr(0, 80) +
                           "\" is there twice in one object");
        }
        return true;
      };
  try {
    return nlohmann::json::parse(in, check);
  } catch (const nlohmann::json::exception& e) {
    std::string what = e.what();
    if (const auto end = what.find("] "); end != std::string::npos) what = what.substr(end + 2);
    for (char& c : what) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    throw InputError(where + ": not valid JSON (truncated?): " + what.substr(0, 200));
  }
}

}  // namespace ssmprof::reports
