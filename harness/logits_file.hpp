#pragma once

#include <filesystem>

#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// Reads tensor "logits" [B, L, V] (F32, F16 or BF16) of a safetensors file for these tokens.
/// Throws reports::InputError when it is absent or of another shape (found and expected named).
workloads::LogitsTable read_logits(const std::filesystem::path& path,
                                   const workloads::TokenBatch& tokens, std::int64_t vocab);

/// Writes tensor "logits" in F32, whole or not at all.
void write_logits(const std::filesystem::path& path, const workloads::LogitsTable& logits);

}  // namespace ssmprof::harness
