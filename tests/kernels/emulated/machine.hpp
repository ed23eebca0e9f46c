#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <ucontext.h>
#include <utility>
#include <vector>

/// Runs one cluster of CUDA blocks after another on the host: every thread a context of its own,
/// switched at barriers, warps advancing at random speeds.
namespace emulated {

constexpr int kWarp = 32;

/// What a barrier needs: who came, and how often all came.
struct Barrier {
  int arrived = 0;
  unsigned round = 0;
};

struct Copy {
  std::uint32_t to;
  const void* from;  ///< null: zeros
  std::uint32_t bytes;
};

struct Warp {
  Barrier barrier;
  std::uint32_t words[kWarp][4] = {}, more[kWarp][2] = {};  ///< what lanes show each other
};

struct Block {
  std::vector<unsigned char> shared;
  std::vector<Warp> warps;
  Barrier barrier;
  int ended = 0;
  bool counts = false;  ///< the barrier of the copy engine has been started
  std::uint32_t expected = 0;
  unsigned phase = 0;
  std::vector<Copy> bulk;
};

struct Thread {
  ucontext_t context = {};
  std::unique_ptr<char[]> stack;
  int block = 0, index = 0;
  bool ended = false;
  std::deque<std::vector<Copy>> copies;  ///< groups in flight, the open one last
};

class Machine {
 public:
  static Machine& get() {
    static Machine machine;
    return machine;
  }

  /// Throws std::runtime_error with what a thread did wrong.
  void run(int blocks, int threads, int shared, int cluster, std::function<void()> kernel) {
    kernel_ = std::move(kernel), threads_ = threads, cluster_ = cluster;
    for (first_ = 0; first_ < blocks; first_ += cluster) run_cluster(shared);
  }

  Thread& self() { return *self_; }
  Block& block() { return blocks_.at(static_cast<std::size_t>(self_->block)); }
  Block& block(std::uint32_t rank) { return blocks_.at(rank); }
  Warp& warp() { return block().warps.at(static_cast<std::size_t>(self_->index / kWarp)); }
  int lane() const { return self_->index % kWarp; }
  int threads() const { return threads_; }
  int cluster() const { return cluster_; }
  int block_index() const { return first_ + self_->block; }

  /// Lets others run.
  void yield() { swapcontext(&self_->context, &scheduler_); }
  void barrier_of_warp() { wait(warp().barrier, kWarp); }
  void barrier_of_block() { wait(block().barrier, threads_); }
  void barrier_of(int threads) { wait(block().barrier, threads); }
  void barrier_of_cluster() { wait(all_, cluster_ * threads_); }

  [[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": block " + std::to_string(block_index()) + " thread " +
                             std::to_string(self_->index));
  }
  /// `bytes` of a block's shared memory at an address that must be aligned and inside.
  unsigned char* at(Block& block, std::uint32_t address, std::uint32_t bytes) {
    if (address % bytes != 0 || address + bytes > block.shared.size())
      fail("bad shared address " + std::to_string(address));
    return block.shared.data() + address;
  }
  void land(const Copy& copy) {
    unsigned char* to = block().shared.data() + copy.to;
    if (copy.from == nullptr)
      std::memset(to, 0, copy.bytes);
    else
      std::memcpy(to, copy.from, copy.bytes);
  }

  int row_of_blocks = 0;  ///< blockIdx.y of the next runs

 private:
  /// Apart: what returns twice must not share a frame with variables that live on.
  [[gnu::noinline]] static void blank(ucontext_t& context) { getcontext(&context); }

  static void enter() {
    Machine& machine = get();
    try {
      machine.kernel_();
      for (const auto& group : machine.self_->copies)
        if (!group.empty()) machine.fail("ended with copies in flight");
    } catch (const std::exception& error) {
      machine.error_ = error.what();
    }
    machine.self_->ended = true;
    ++machine.block().ended;
    machine.yield();
  }

  void wait(Barrier& barrier, int count) {
    const unsigned round = barrier.round;
    if (++barrier.arrived == count) {
      barrier.arrived = 0, ++barrier.round;
      return;
    }
    while (barrier.round == round) yield();
  }

  void run_cluster(int shared) {
    constexpr std::size_t kStack = 64 << 10;
    blocks_.assign(static_cast<std::size_t>(cluster_), {});
    for (auto& block : blocks_) {
      block.shared.assign(static_cast<std::size_t>(shared), 0xff);  // NaN until written
      block.warps.resize(static_cast<std::size_t>(threads_ / kWarp));
    }
    all_ = {};
    contexts_.resize(std::max(contexts_.size(), static_cast<std::size_t>(cluster_ * threads_)));
    std::vector<std::vector<Thread*>> warps;
    for (int i = 0; i < cluster_ * threads_; ++i) {
      Thread& thread = contexts_[static_cast<std::size_t>(i)];
      if (!thread.stack) thread.stack = std::make_unique<char[]>(kStack);
      thread.block = i / threads_, thread.index = i % threads_, thread.ended = false;
      thread.copies.assign(1, {});
      blank(thread.context);
      thread.context.uc_stack.ss_sp = thread.stack.get();
      thread.context.uc_stack.ss_size = kStack;
      thread.context.uc_link = &scheduler_;
      makecontext(&thread.context, &Machine::enter, 0);
      if (i % kWarp == 0) warps.emplace_back();
      warps.back().push_back(&thread);
    }
    for (int idle = 0; !warps.empty();) {
      std::shuffle(warps.begin(), warps.end(), random_);
      for (auto& warp : warps) {
        if (random_() % 3 == 0) continue;  // this one is slow
        std::shuffle(warp.begin(), warp.end(), random_);
        for (Thread* thread : warp) {
          self_ = thread;
          swapcontext(&scheduler_, &thread->context);
          if (!error_.empty()) throw std::runtime_error(std::exchange(error_, {}));
        }
        std::erase_if(warp, [](const Thread* t) { return t->ended; });
      }
      const std::size_t before = warps.size();
      std::erase_if(warps, [](const auto& w) { return w.empty(); });
      idle = warps.size() < before ? 0 : idle + 1;
      if (idle > 200000) throw std::runtime_error("the threads wait for each other forever");
    }
  }

  std::function<void()> kernel_;
  int threads_ = 0, cluster_ = 1, first_ = 0;
  std::vector<Block> blocks_;
  std::deque<Thread> contexts_;
  Barrier all_;
  Thread* self_ = nullptr;
  ucontext_t scheduler_ = {};
  std::mt19937 random_{1};
  std::string error_;
};

}  // namespace emulated
