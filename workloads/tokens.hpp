#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// Token ids from a file: FILE.json holds [[…], …], whole numbers, all rows of one length; any
/// other file is read as bytes, one row, and needs a vocabulary of at least 256. Throws
/// reports::InputError naming the row and column of an id outside [0, vocab).
TokenBatch load_tokens(const std::filesystem::path& file, std::int64_t vocab);

/// Uniform ids in [0, vocab), the same for the same seed on every machine.
TokenBatch random_tokens(std::int64_t batch, std::int64_t length, std::int64_t vocab,
                         std::uint64_t seed);

/// [batch, length] out of rectangular tokens. Enough rows that are long enough are cut: row i is
/// the start of given row i. Otherwise all rows are read as one stream, in order and from its start
/// again when it ends, and row i takes the stream's tokens [i·length, (i+1)·length). Throws
/// reports::InputError when there are no tokens.
TokenBatch fit_tokens(const TokenBatch& tokens, std::int64_t batch, std::int64_t length);

/// Throws reports::InputError unless rectangular, not empty and all ids are in [0, vocab).
void check_tokens(const TokenBatch& tokens, std::int64_t vocab, const std::string& where);

}  // namespace ssmprof::workloads
