#include "workloads/tokens.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "reports/error.hpp"
#include "workloads/counter_random.hpp"
#include "workloads/mapped_file.hpp"

namespace ssmprof::workloads {

using nlohmann::json;
using reports::InputError;

namespace {

constexpr std::size_t kLargestFile = 1U << 30U;

TokenBatch parse_tokens(std::string_view text, const std::string& where) {
  const auto watch = [&](int depth, json::parse_event_t, json&) {
    if (depth > 4) throw InputError(where + ": must hold [[id, …], …], found deeper nesting");
    return true;
  };
  json source;
  try {
    source = json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& problem) {
    throw InputError(where + ": not valid JSON (near byte " + std::to_string(problem.byte) +
                     "): token files hold [[id, …], …]");
  } catch (const json::exception&) {
    throw InputError(where + ": not valid JSON (a number is out of range)");
  }
  if (!source.is_array()) throw InputError(where + ": must hold [[id, …], …]");
  TokenBatch tokens;
  for (std::size_t row = 0; row < source.size(); ++row) {
    if (!source[row].is_array()) {
      throw InputError(where + ": row " + std::to_string(row) +
                       " is not an array: token files hold [[id, …], …]");
    }
    auto& ids = tokens.emplace_back();
    for (std::size_t column = 0; column < source[row].size(); ++column) {
      const json& id = source[row][column];
      // is_number_integer() also holds for unsigned values beyond 2^63.
      const bool minus_zero = !id.is_number_unsigned() && id == 0;
      if (!id.is_number_integer() || id > INT64_MAX || minus_zero) {
        throw InputError(where + ": row " + std::to_string(row) + ", column " +
                         std::to_string(column) + " is not a whole number in range");
      }
      ids.push_back(id.get<std::int64_t>());
    }
  }
  return tokens;
}

}  // namespace

void check_tokens(const TokenBatch& tokens, std::int64_t vocab, const std::string& where) {
  if (tokens.empty() || tokens[0].empty()) throw InputError(where + ": holds no tokens");
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    if (tokens[row].size() != tokens[0].size()) {
      throw InputError(where + ": row " + std::to_string(row) + " has " +
                       std::to_string(tokens[row].size()) + " tokens, row 0 has " +
                       std::to_string(tokens[0].size()) + ": all rows must be of one length");
    }
    for (std::size_t column = 0; column < tokens[row].size(); ++column) {
      const std::int64_t id = tokens[row][column];
      if (id < 0 || id >= vocab) {
        throw InputError(where + ": token " + std::to_string(id) + " at row " +
                         std::to_string(row) + ", column " + std::to_string(column) +
                         " is outside the model's vocabulary of " + std::to_string(vocab));
      }
    }
  }
}

TokenBatch load_tokens(const std::filesystem::path& file, std::int64_t vocab) {
  const std::string where = file.string();
  const MappedFile mapped = map_file(file);
  if (mapped.size == 0) throw InputError(where + ": is empty");
  if (mapped.size > kLargestFile) throw InputError(where + ": is larger than 1 GiB");
  const std::string_view text(reinterpret_cast<const char*>(mapped.data), mapped.size);
  if (file.extension() == ".json") {
    TokenBatch tokens = parse_tokens(text, where);
    check_tokens(tokens, vocab, where);
    return tokens;
  }
  if (vocab < 256) {
    throw InputError(where + ": is read as bytes, which needs a vocabulary of at least 256, the " +
                     "model has " + std::to_string(vocab) + ": give token ids as FILE.json");
  }
  TokenBatch tokens(1);
  tokens[0].reserve(text.size());
  for (const char c : text) tokens[0].push_back(static_cast<unsigned char>(c));
  return tokens;
}

TokenBatch random_tokens(std::int64_t batch, std::int64_t length, std::int64_t vocab,
                         std::uint64_t seed) {
  const CounterRandom random(seed, "tokens");
  TokenBatch tokens(static_cast<std::size_t>(batch));
  std::uint64_t i = 0;
  for (auto& row : tokens) {
    row.resize(static_cast<std::size_t>(length));
    for (auto& id : row) {
      id = static_cast<std::int64_t>(random.below(i++, static_cast<std::uint64_t>(vocab)));
    }
  }
  return tokens;
}

TokenBatch fit_tokens(const TokenBatch& tokens, std::int64_t batch, std::int64_t length) {
  if (tokens.empty() || tokens[0].empty()) throw InputError("there are no tokens to run on");
  const auto rows = static_cast<std::size_t>(batch);
  const auto columns = static_cast<std::size_t>(length);
  TokenBatch fitted(rows);
  const std::size_t given = tokens[0].size();
  if (tokens.size() >= rows && given >= columns) {
    for (std::size_t i = 0; i < rows; ++i) {
      fitted[i].assign(tokens[i].begin(), tokens[i].begin() + length);
    }
    return fitted;
  }
  const std::size_t total = given * tokens.size();
  std::size_t position = 0;
  for (auto& row : fitted) {
    row.resize(columns);
    for (auto& id : row) {
      id = tokens[position / given][position % given];
      position = (position + 1) % total;
    }
  }
  return fitted;
}

}  // namespace ssmprof::workloads
