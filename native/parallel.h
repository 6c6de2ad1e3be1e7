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

// A fixed pool: the calling thread and `size() - 1` others, which sleep between loops. One loop runs at a time.
// A waiting thread spins for some microseconds before it sleeps: waking up takes longer than the gap between most loops of a prediction.
class ThreadPool {
 public:
  static ThreadPool& instance() {
    static ThreadPool* pool = new ThreadPool();  // never destroyed: threads may outlive static destruction
    return *pool;
  }

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls work(first, last, thread) for chunks of [0, count), each but the last a multiple of `grain` long; thread < size().
  void run(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t, int)>& work) {
    const int64_t grains = (count + grain - 1) / grain;
    if (grains <= 1 || threads_.empty()) {
      if (count > 0) work(0, count, 0);
      return;
    }
    std::lock_guard<std::mutex> one_loop(loop_);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      count_ = count;
      grain_ = grain;
      next_.store(0);
      is_open_ = true;
      ++round_;
    }
    start_.notify_all();
    run_chunks(0);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      is_open_ = false;  // does not wait for threads that have not woken up yet
    }
    spin_until([this] { return active_.load() == 0; });
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return active_.load() == 0; });
  }

 private:
  ThreadPool() {
    const char* wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    const int size = std::max(1, std::min(wanted != nullptr && std::atoi(wanted) > 0 ? std::atoi(wanted) : cores, 64));
    for (int thread = 1; thread < size; ++thread) threads_.emplace_back([this, thread] { loop(thread); });
  }

  // Past the first microseconds other threads that could use this core go first.
  template <typename Condition>
  static void spin_until(Condition condition) {
    for (int spin = 0; spin < kSpins && !condition(); ++spin) pause_thread();
    for (int spin = 0; spin < kYields && !condition(); ++spin) std::this_thread::yield();
  }

  void loop(int thread) {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      lock.unlock();
      spin_until([&] { return round_.load() != seen; });
      lock.lock();
      start_.wait(lock, [&] { return is_open_ && round_.load() != seen; });
      seen = round_.load();
      ++active_;
      lock.unlock();
      run_chunks(thread);
      lock.lock();
      if (--active_ == 0) done_.notify_one();
    }
  }

  // A share of what is left, so that a slow thread does not delay the others at the end.
  int64_t chunk(int64_t left) const { return std::max<int64_t>(1, left / grain_ / (2 * size())) * grain_; }

  void run_chunks(int thread) {
    for (;;) {
      int64_t first = next_.load(), last;
      do {
        if (first >= count_) return;
        last = std::min(first + chunk(count_ - first), count_);
      } while (!next_.compare_exchange_weak(first, last));
      (*work_)(first, last, thread);
    }
  }

  std::vector<std::thread> threads_;
  std::mutex loop_, mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int64_t, int64_t, int)>* work_ = nullptr;
  int64_t count_ = 0, grain_ = 1;
  std::atomic<int64_t> next_{0};
  static constexpr int kSpins = 1000, kYields = 1000;  // some 20 microseconds, and some 600 where no other thread wants the core
  std::atomic<int> active_{0};         // pool threads in the current loop
  bool is_open_ = false;
  std::atomic<uint64_t> round_{0};
};

}  // namespace visualbert

#endif  // VISUALBERT_PARALLEL_H_
