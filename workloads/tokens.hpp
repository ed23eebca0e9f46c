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

/// [batch, length] out of what is there: all rows are read as one stream, in order and from its
/// start again when it ends; row i takes the tokens [i·length, (i+1)·length). Rows that already
/// are long enough are cut instead, row i from given row i modulo their number.
TokenBatch fit_tokens(const TokenBatch& tokens, std::int64_t batch, std::int64_t length);

/// Throws reports::InputError unless rectangular, not empty and all ids are in [0, vocab).
void check_tokens(const TokenBatch& tokens, std::int64_t vocab, const std::string& where);

}  // namespace ssmprof::workloads
