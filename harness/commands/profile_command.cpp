#include <algorithm>
#include <iostream>
#include <map>

#include "harness/command.hpp"
#include "harness/cross_check.hpp"
#include "harness/interrupt.hpp"
#include "harness/measurement.hpp"
#include "harness/model_options.hpp"
#include "harness/output.hpp"
#include "harness/progress.hpp"
#include "harness/roofline.hpp"
#include "harness/run_options.hpp"
#include "probes/host.hpp"
#include "probes/lap.hpp"
#include "reports/units.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof profile --model mamba2-tiny\n"
    "  ssmprof profile --model mamba-130m --seqlen 64:2048:x2 --mode prefill -o run.json\n"
    "  ssmprof profile --model ./checkpoint --tokens text.txt --backend native --dtype bf16\n"
    "  ssmprof profile --model mamba2-130m --probes time,analytic --fusion on";

std::string seconds_text(double seconds) {
  return reports::human(seconds, "s", false);
}

class ProfileCommand : public Command {
 public:
  std::string_view name() const override { return "profile"; }
  std::string_view summary() const override {
    return "Run a model and attribute its time, FLOPs and bytes to its components";
  }

  void declare(CLI::App& app) override {
    model_.declare(app);
    run_.declare(app);
    app.footer(kExamples);
  }

  reports::ExitCode run() override {
    const auto base = model_.base_spec();
    const auto backends = model_.backends();
    const auto specs = run_.expand(base);
    auto probes = run_.probes();
    const bool timed = std::any_of(probes.begin(), probes.end(),
                                   [](const auto& probe) { return probe->name() == "time"; });
    const auto steps = in_steps(std::move(probes), base);
    const auto options = run_.probe_options();
    require_output(run_.output, model_.inputs());
    std::string took = "starting " + seconds_text(probes::process_seconds());
    probes::Lap lap;
    const auto stage = [&](const char* name) {
      took += ", " + (name + (" " + seconds_text(lap())));
    };
    const auto checkpoint = model_.open(base.dtype);
    const auto tokens = model_.load_tokens_for(*checkpoint);
    stage("checkpoint");
    auto report = new_report(reports::Report::Kind::run, base);
    stage("environment");
    Progress progress(static_cast<int>(steps.size() * backends.size() * specs.size()), !run_.quiet);
    const auto ceilings = timed ? workloads::measure_ceilings(base) : workloads::Ceilings{};
    stage("ceilings");
    CrossCheck cross_check(*checkpoint, tokens, model_.seed);

    try {
      measure({checkpoint, tokens, backends, specs, options, ceilings}, steps, report, progress,
              cross_check);
    } catch (const std::exception& error) {
      progress.clear();
      attribute_rest(report);
      rescue(report, run_.output, run_.quiet, error.what());
      throw;
    }
    attribute_rest(report);
    stage("workloads");
    report.diagnostics.push_back(
        {"run.durations", reports::Diagnostic::Level::info,
         "the run took " + seconds_text(probes::process_seconds()) + ": " + took, ""});
    progress.clear();
    return deliver(report, run_.output, run_.quiet,
                   cross_check.agrees() ? reports::ExitCode::ok : reports::ExitCode::mismatch);
  }

 private:
  struct Job {
    std::shared_ptr<const workloads::Checkpoint> checkpoint;
    const workloads::TokenBatch& tokens;
    const std::vector<workloads::Backend>& backends;
    const std::vector<workloads::ExecutionSpec>& specs;
    const probes::ProbeOptions& options;
    const workloads::Ceilings& ceilings;
  };

  /// Takes all workloads through each step in turn.
  void measure(const Job& job, const std::vector<Probes>& steps, reports::Report& report,
               Progress& progress, CrossCheck& cross_check) const {
    for (std::size_t step = 0; step < steps.size(); ++step) {
      std::size_t next = 0;  // workloads come in the same order in every step
      for (const auto backend : job.backends) {
        if (interrupted()) break;
        auto placed = job.specs.front();
        placed.backend = backend;
        progress.begin("placing " + job.checkpoint->config.name + " on " + name_of(backend));
        const auto model = workloads::make_model(job.checkpoint, placed);
        if (job.backends.size() > 1 && step == 0) {
          report.diagnostics.push_back(cross_check.add(*model, placed));
        }
        for (auto spec : job.specs) {
          if (interrupted()) break;
          spec.backend = backend;
          const auto execution = model->prepare(spec, job.tokens, model_.seed);
          if (step == 0) {
            report.workloads.push_back(lay_out(*job.checkpoint, *execution, model_.seed,
                                               model_.tokens, hash_of(job.tokens), ""));
          }
          auto& workload = report.workloads.at(next++);
          progress.begin(workload.id + ", step " + std::to_string(step + 1) + " of " +
                         std::to_string(steps.size()));
          run_probes(steps[step], *execution, job.options, workload);
          progress.done();
          if (step + 1 < steps.size()) continue;
          attribute_all(workload);
          workload.roofline = roofline(workload, execution->ranges(), job.ceilings);
          print(workload, progress);
        }
      }
    }
  }

  /// What ended before its last step is attributed as far as it was measured.
  static void attribute_rest(reports::Report& report) {
    for (auto& workload : report.workloads)
      if (workload.attributions.empty()) attribute_all(workload);
  }

  void print(const reports::Workload& workload, Progress& progress) const {
    if (run_.quiet) return;
    progress.clear();
    reports::print_workload(std::cout, workload, terminal_style());
    std::cout << std::endl;
  }

  ModelOptions model_;
  RunOptions run_;
};

}  // namespace

std::unique_ptr<Command> make_profile_command() {
  return std::make_unique<ProfileCommand>();
}

}  // namespace ssmprof::harness
