#include <algorithm>
#include <charconv>
#include <deque>
#include <iostream>

#include "harness/command.hpp"
#include "harness/interrupt.hpp"
#include "harness/measurement.hpp"
#include "harness/model_options.hpp"
#include "harness/names.hpp"
#include "harness/output.hpp"
#include "harness/progress.hpp"
#include "harness/prune_measurement.hpp"
#include "harness/prune_study.hpp"
#include "harness/run_options.hpp"
#include "workloads/presets.hpp"
#include "workloads/tokens.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof prune --model mamba2-tiny --score magnitude --ratio .5\n"
    "  ssmprof prune --model mamba2-130m --score delta --ratio .1,.5,.9 --calibrate text.txt "
    "-o c.json\n"
    "  ssmprof prune --model mamba-130m --score random --ratio .5 --variant dense,physical "
    "--mode decode --batch 64\n"
    "\n"
    "Dense and pruned variants are timed interleaved in one process. masked keeps the tensors and\n"
    "zeroes B and C; physical really removes the states.";

constexpr std::int64_t kCalibrationTokens = 2048;
constexpr std::int64_t kLossTokens = 256;

double parse_ratio(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !(value >= 0 && value < 1)) {
    throw reports::InputError("--ratio: '" + text +
                              "' is not in [0, 1): give the share of states to remove, like .5");
  }
  return value;
}

class PruneCommand : public Command {
 public:
  std::string_view name() const override { return "prune"; }
  std::string_view summary() const override {
    return "Remove SSM states, rerun, and compare with the dense model";
  }

  void declare(CLI::App& app) override {
    model_.declare(app);
    run_.declare(app);
    app.add_option("--score", score_, "How states are judged (see 'ssmprof list scores')")
        ->required();
    app.add_option("--ratio", ratios_, "Shares of states to remove, in [0, 1): .1,.5")->required();
    app.add_option("--variant", variants_, "dense, masked, physical")->capture_default_str();
    app.add_option("--calibrate", calibrate_, "Tokens for scores that need calibration")
        ->type_name("FILE");
    app.add_option("--align", align_, "Round N' up to a multiple of this")->capture_default_str();
    app.footer(kExamples);
  }

  reports::ExitCode run() override;

 private:
  std::vector<Variant> parse_variants() const;
  const workloads::Score& find_score() const;
  workloads::StateScores compute_scores(
      const std::shared_ptr<const workloads::Checkpoint>& checkpoint,
      const workloads::ExecutionSpec& spec) const;
  Study place(const std::shared_ptr<const workloads::Checkpoint>& dense,
              const workloads::StateScores& scores, double ratio,
              const std::vector<Variant>& variants, const workloads::ExecutionSpec& spec) const;
  std::vector<workloads::LogitsTable> logits_of(const Study& study,
                                                const workloads::TokenBatch& tokens) const;
  struct Job;
  void measure(const Job& job, const std::vector<Probes>& steps, reports::Report& report,
               Progress& progress, std::deque<MeasuredStudy>& open) const;
  void conclude(MeasuredStudy& measured, const workloads::Ceilings& ceilings,
                reports::Report& report, Progress& progress) const;

  ModelOptions model_;
  RunOptions run_;
  std::string score_, ratios_, variants_ = "dense,masked,physical", calibrate_;
  int align_ = 1;
  std::vector<std::unique_ptr<workloads::Score>> all_scores_ = workloads::make_scores();
};

std::vector<Variant> PruneCommand::parse_variants() const {
  std::vector<Variant> variants;
  for (const auto& name : parse_names("--variant", variants_)) {
    variants.push_back(parse_name<Variant>(
        "--variant", name,
        {{"dense", Variant::dense}, {"masked", Variant::masked}, {"physical", Variant::physical}}));
  }
  const auto dense = std::find(variants.begin(), variants.end(), Variant::dense);
  if (dense == variants.end() || variants.size() < 2) {
    throw reports::InputError(
        "--variant: '" + variants_ +
        "' compares nothing: name dense and at least one of masked, physical");
  }
  std::iter_swap(variants.begin(), dense);
  return variants;
}

const workloads::Score& PruneCommand::find_score() const {
  std::vector<std::string> known;
  for (const auto& score : all_scores_) {
    if (score->name() == score_) return *score;
    known.emplace_back(score->name());
  }
  refuse_name("--score", score_, known);
}

workloads::StateScores PruneCommand::compute_scores(
    const std::shared_ptr<const workloads::Checkpoint>& checkpoint,
    const workloads::ExecutionSpec& spec) const {
  const auto& score = find_score();
  workloads::ScoreInput input{*checkpoint, nullptr, model_.seed};
  if (!score.needs_calibration()) return score.compute(input);
  workloads::CalibrationStats stats;
  const auto vocab = checkpoint->config.vocab_size;
  const auto tokens = calibrate_.empty()
                          ? workloads::random_tokens(1, kCalibrationTokens, vocab, model_.seed + 1)
                          : workloads::load_tokens(calibrate_, vocab);
  // The scores that need it refuse Mamba-1: that must not cost a calibration run first.
  if (checkpoint->config.family == workloads::Family::mamba2) {
    stats = workloads::make_model(checkpoint, spec)
                ->calibrate(workloads::fit_tokens(
                    tokens, 1, std::min<std::int64_t>(kCalibrationTokens, tokens[0].size())));
  }
  input.calibration = &stats;
  return score.compute(input);
}

Study PruneCommand::place(const std::shared_ptr<const workloads::Checkpoint>& dense,
                          const workloads::StateScores& scores, double ratio,
                          const std::vector<Variant>& variants,
                          const workloads::ExecutionSpec& spec) const {
  Study study{workloads::choose_states(scores, dense->config, ratio, align_),
              study_label(score_, ratio),
              {}};
  for (const auto variant : variants) {
    PlacedVariant placed;
    placed.variant = variant;
    placed.checkpoint = dense;
    if (variant == Variant::masked) {
      placed.checkpoint =
          std::make_shared<const workloads::Checkpoint>(workloads::mask_states(*dense, study.plan));
    } else if (variant == Variant::physical) {
      placed.checkpoint = std::make_shared<const workloads::Checkpoint>(
          workloads::remove_states(*dense, study.plan));
    }
    placed.model = workloads::make_model(placed.checkpoint, spec);
    study.variants.push_back(std::move(placed));
  }
  return study;
}

std::vector<workloads::LogitsTable> PruneCommand::logits_of(
    const Study& study, const workloads::TokenBatch& tokens) const {
  const auto vocabulary = study.variants.front().checkpoint->config.vocab_size;
  const auto input =
      tokens.empty()
          ? workloads::random_tokens(1, kLossTokens, vocabulary, model_.seed + 2)
          : workloads::fit_tokens(tokens, 1, std::min<std::int64_t>(kLossTokens, tokens[0].size()));
  std::vector<workloads::LogitsTable> logits;
  for (const auto& placed : study.variants) logits.push_back(placed.model->prefill_logits(input));
  return logits;
}

void PruneCommand::conclude(MeasuredStudy& measured, const workloads::Ceilings& ceilings,
                            reports::Report& report, Progress& progress) const {
  complete(measured, ceilings);
  if (!interrupted()) {
    const auto settings = describe_plan(
        measured.plan, score_, model_.seed,
        find_score().needs_calibration() ? (calibrate_.empty() ? "random" : calibrate_) : "");
    for (auto& comparison : compare_variants(measured, settings, ceilings)) {
      if (!run_.quiet) {
        progress.clear();
        reports::print_comparison(std::cout, comparison, terminal_style());
        std::cout << std::endl;
      }
      report.comparisons.push_back(std::move(comparison));
    }
  }
  for (auto& workload : measured.workloads) report.workloads.push_back(std::move(workload));
}

/// What every study of a command has in common.
struct PruneCommand::Job {
  std::shared_ptr<const workloads::Checkpoint> checkpoint;
  const workloads::TokenBatch& tokens;
  const std::vector<workloads::Backend>& backends;
  const std::vector<workloads::ExecutionSpec>& specs;
  const std::vector<Variant>& variants;
  const std::vector<double>& ratios;
  const workloads::StateScores& scores;
  const probes::ProbeOptions& options;
  const workloads::Ceilings& ceilings;
};

/// Takes all studies through each step in turn. `open`: those that are not in the report yet.
void PruneCommand::measure(const Job& job, const std::vector<Probes>& steps,
                           reports::Report& report, Progress& progress,
                           std::deque<MeasuredStudy>& open) const {
  const StudyInput input{job.tokens, model_.seed, model_.tokens};
  for (std::size_t step = 0; step < steps.size(); ++step) {
    const bool first = step == 0, last = step + 1 == steps.size();
    std::size_t next = 0;  // workloads come in the same order in every step
    for (const auto backend : job.backends) {
      for (const double ratio : job.ratios) {
        if (interrupted()) break;
        auto placed = job.specs.front();
        placed.backend = backend;
        auto study = place(job.checkpoint, job.scores, ratio, job.variants, placed);
        const auto logits =
            first ? logits_of(study, job.tokens) : std::vector<workloads::LogitsTable>{};
        for (auto spec : job.specs) {
          if (interrupted()) break;
          spec.backend = backend;
          progress.begin(workload_id(*job.checkpoint, spec, study.label) + ", step " +
                         std::to_string(step + 1) + " of " + std::to_string(steps.size()));
          if (first) {
            open.push_back(time_variants(study, spec, input, steps[step], job.options));
            add_losses(open.back(), logits);
          } else {
            probe_variants(study, spec, input, steps[step], job.options, open.at(next));
          }
          if (last) {
            conclude(open.at(next), job.ceilings, report, progress);
            open.erase(open.begin() + static_cast<std::ptrdiff_t>(next));
          } else {
            ++next;
          }
          progress.done();
        }
      }
    }
  }
}

reports::ExitCode PruneCommand::run() {
  const auto base = model_.base_spec();
  const auto backends = model_.backends();
  const auto specs = run_.expand(base);
  const auto variants = parse_variants();
  std::vector<double> ratios;
  for (const auto& text : parse_names("--ratio", ratios_)) ratios.push_back(parse_ratio(text));
  if (align_ < 1 || align_ > 256) {
    throw reports::InputError("--align: " + std::to_string(align_) + " is outside 1 … 256");
  }
  find_score();
  // All variants of all workloads are timed before any is traced, and traced before any is
  // counted.
  const auto steps = in_steps(run_.study_probes(), base, true);
  const auto options = run_.probe_options();
  auto inputs = model_.inputs();
  inputs.push_back(calibrate_);
  require_output(run_.output, inputs);

  const auto checkpoint = model_.open(base.dtype);
  const auto tokens = model_.load_tokens_for(*checkpoint);
  auto scoring = base;
  scoring.backend = backends.front();
  const auto scores = compute_scores(checkpoint, scoring);

  auto report = new_report(reports::Report::Kind::comparison, base);
  Progress progress(static_cast<int>(steps.size() * backends.size() * ratios.size() * specs.size()),
                    !run_.quiet);
  const auto ceilings = workloads::measure_ceilings(base);
  std::deque<MeasuredStudy> open;
  const auto conclude_rest = [&] {
    for (auto& study : open) conclude(study, ceilings, report, progress);
    progress.clear();
  };
  try {
    measure({checkpoint, tokens, backends, specs, variants, ratios, scores, options, ceilings},
            steps, report, progress, open);
  } catch (const std::exception& error) {
    conclude_rest();
    rescue(report, run_.output, run_.quiet, error.what());
    throw;
  }
  conclude_rest();  // of a run that was interrupted
  return deliver(report, run_.output, run_.quiet, reports::ExitCode::ok);
}

}  // namespace

std::unique_ptr<Command> make_prune_command() {
  return std::make_unique<PruneCommand>();
}

}  // namespace ssmprof::harness
