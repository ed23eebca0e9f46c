#pragma once

#include "kernels/cuda/linear_plan.hpp"

namespace ssmprof::kernels::cuda {

struct MeasuredLinearPlan {
  std::int64_t rows, outputs, inputs;
  LinearPlan plan;
};

/// The fastest of all plans, launches overlapping, at the models' sizes on an H200 (`linear_plans`,
/// docs/results/kernels/linear-v4-plans.jsonl, rows 8 to 32 linear-v3-plans.jsonl); those of one
/// row of the 130m models were chosen between a layer's other kernels.
inline constexpr MeasuredLinearPlan kMeasuredLinearPlans[] = {
    {1, 3072, 768, {1, 2, 4, 1}},     {1, 80, 1536, {1, 1, 8, 1}},
    {1, 1536, 48, {2, 2, 1, 1}},      {1, 768, 1536, {1, 3, 2, 4}},
    {1, 50288, 768, {2, 12, 1, 1}},   {1, 3352, 768, {1, 2, 4, 1}},
    {1, 10240, 2560, {1, 3, 4, 1}},   {1, 192, 5120, {2, 1, 4, 8}},
    {1, 5120, 160, {1, 3, 1, 1}},     {1, 2560, 5120, {1, 3, 2, 8}},
    {1, 50288, 2560, {1, 6, 2, 1}},   {8, 3072, 768, {1, 4, 4, 1}},
    {8, 10240, 2560, {1, 11, 1, 4}},  {8, 2560, 5120, {1, 6, 2, 8}},
    {16, 10240, 2560, {2, 5, 2, 2}},  {32, 10240, 2560, {2, 11, 1, 4}},
    {64, 10240, 2560, {2, 12, 1, 4}}, {64, 192, 5120, {1, 1, 2, 8}},
    {64, 5120, 160, {1, 3, 4, 1}},    {64, 2560, 5120, {2, 6, 1, 8}},
    {64, 50288, 2560, {2, 12, 1, 1}}, {64, 10576, 2560, {2, 12, 1, 4}},
    {64, 3072, 768, {1, 3, 4, 2}},    {64, 80, 1536, {1, 1, 1, 8}},
    {64, 768, 1536, {1, 3, 2, 4}},    {64, 50288, 768, {2, 12, 1, 1}},
};

struct MeasuredLinearWidePlan {
  std::int64_t outputs, inputs;
  LinearWidePlan plan;
};

/// The same of the wide form; those of a layer were chosen between its other kernels
/// (`decode_layers`, docs/results/kernels/linear-v5-layers.jsonl).
inline constexpr MeasuredLinearWidePlan kMeasuredLinearWidePlans[] = {
    {10240, 2560, {96, 2, 4}}, {10576, 2560, {64, 2, 3}},  {192, 5120, {48, 8, 8}},
    {2560, 5120, {48, 4, 6}},  {50288, 2560, {128, 1, 3}}, {5120, 160, {40, 1, 5}},
    {3072, 768, {24, 1, 10}},  {80, 1536, {40, 8, 4}},     {768, 1536, {48, 4, 6}},
    {50288, 768, {128, 1, 3}}, {3352, 768, {64, 2, 7}},
};

}  // namespace ssmprof::kernels::cuda
