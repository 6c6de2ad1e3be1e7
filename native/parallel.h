// Runs a loop on all cores. TensorFlow's C interface gives kernels no access to its own thread pool.
#ifndef VISUALBERT_PARALLEL_H_
#define VISUALBERT_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace visualbert {

// Lets another hardware thread go on while this one waits for memory to change.
inline void pause_thread() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// A fixed thread pool: the caller and `size() - 1` helpers, which sleep between loops. One loop runs at a time.
// Whoever waits looks for some microseconds before it sleeps: waking takes longer than most loops of a prediction are apart.
class Team {
 public:
  static Team& instance() {
    static Team* team = new Team();  // never destroyed: helpers may outlive static destruction
    return *team;
  }

  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  // Calls work(first, last, member) for pieces of [0, count), each a multiple of `grain` long but the last; member < size().
  void run(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t, int)>& work) {
    const int64_t grains = (count + grain - 1) / grain;
    if (grains <= 1 || helpers_.empty()) {
      if (count > 0) work(0, count, 0);
      return;
    }
    std::lock_guard<std::mutex> one_loop(loop_);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      count_ = count;
      // Several pieces per member, so that one slow member does not delay the others.
      piece_ = std::max<int64_t>(1, grains / (4 * size())) * grain;
      next_.store(0);
      is_open_ = true;
      ++round_;
    }
    start_.notify_all();
    take_pieces(0);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      is_open_ = false;  // does not wait for helpers that have not woken up yet
    }
    look_for([this] { return busy_.load() == 0; });
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_.load() == 0; });
  }

 private:
  Team() {
    const char* wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    const int size = std::max(1, std::min(wanted != nullptr && std::atoi(wanted) > 0 ? std::atoi(wanted) : cores, 64));
    for (int member = 1; member < size; ++member) helpers_.emplace_back([this, member] { help(member); });
  }

  template <typename Condition>
  static void look_for(Condition condition) {
    for (int looks = 0; looks < kLooks && !condition(); ++looks) pause_thread();
  }

  void help(int member) {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      lock.unlock();
      look_for([&] { return round_.load() != seen; });
      lock.lock();
      start_.wait(lock, [&] { return is_open_ && round_.load() != seen; });
      seen = round_.load();
      ++busy_;
      lock.unlock();
      take_pieces(member);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  void take_pieces(int member) {
    for (;;) {
      const int64_t first = next_.fetch_add(piece_);
      if (first >= count_) return;
      (*work_)(first, std::min(first + piece_, count_), member);
    }
  }

  std::vector<std::thread> helpers_;
  std::mutex loop_, mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int64_t, int64_t, int)>* work_ = nullptr;
  int64_t count_ = 0, piece_ = 1;
  std::atomic<int64_t> next_{0};
  static constexpr int kLooks = 1000;  // some 20 microseconds
  std::atomic<int> busy_{0};           // helpers in the current loop
  bool is_open_ = false;
  std::atomic<uint64_t> round_{0};
};

}  // namespace visualbert

#endif  // VISUALBERT_PARALLEL_H_
