/// @file
/// A file system in memory: for tests, which look at its files and change them
/// as they like, and for the browser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/os.h"

namespace strata {

/// Everything in a file system, as one value. Paths are written without a
/// slash at the end, without `//` and without `./` in front: `db/log.txt`.
struct Image {
  std::set<std::string> directories;         ///< without `/` and `.`
  std::map<std::string, std::string> files;  ///< path to bytes

  /// @returns whether both hold the same names and bytes.
  [[nodiscard]] bool operator==(const Image& other) const {
    return directories == other.directories && files == other.files;
  }
};

/// An `Os` in memory. It answers as Linux does, with a few simplifications:
/// no links and no permissions, only files are renamed, `..` is not resolved,
/// `/` and `.` are two roots that both are there from the start, and a mapping
/// is a copy which later writes do not change.
///
/// An open file that was removed or replaced can still be read and written. A
/// lock belongs to a descriptor, as with flock. Nothing is ever lost: `sync`
/// has nothing to do (crash.h tells what a power cut would leave).
///
/// Clock, ticks and random numbers are the same in every run.
class MemoryOs : public Os {
 public:
  /// The longest file in bytes; beyond it a write answers EFBIG.
  static constexpr std::uint64_t kMaxFileBytes = 1ULL << 30;

  /// Starts empty.
  MemoryOs() = default;

  /// Starts with what is in `image`; missing parents are made.
  explicit MemoryOs(const Image& image);

  /// @returns a copy of all that is there.
  [[nodiscard]] Image image() const;

  /// @returns a copy of all files: path to bytes.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    return image().files;
  }

  /// Makes the file at `path` hold `bytes`, and makes it and its parents where
  /// they are missing. A descriptor that has it open sees the new bytes.
  void put(const std::string& path, std::string_view bytes);

  /// Makes a directory with its parents, where they are missing.
  void put_directory(const std::string& path);

  /// Sets the time of day in seconds since 1970; it stands still. Before:
  /// 1,700,000,000.
  void set_now(std::uint64_t seconds);

  /// Starts the random numbers anew.
  void set_seed(std::uint64_t seed);

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override;
  void close(int fd) override;
  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override;
  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override;
  [[nodiscard]] OsResult sync(int fd, const char* why) override;
  [[nodiscard]] OsResult truncate(int fd, std::uint64_t size,
                                  const char* why) override;
  [[nodiscard]] OsResult size(int fd, const char* why) override;
  [[nodiscard]] OsResult mode(int fd, const char* why) override;
  [[nodiscard]] OsResult lock(int fd, const char* why) override;
  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override;
  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override;
  [[nodiscard]] OsResult make_dir(const std::string& path,
                                  const char* why) override;
  [[nodiscard]] OsResult list(const std::string& path,
                              std::vector<std::string>& names,
                              const char* why) override;
  [[nodiscard]] OsResult map(int fd, std::size_t size, const char** out,
                             const char* why) override;
  void unmap(const char* start, std::size_t size) override;
  [[nodiscard]] std::uint64_t now_seconds() override;
  [[nodiscard]] std::uint64_t ticks_ns() override;
  [[nodiscard]] std::uint64_t random() override;

  [[nodiscard]] std::uint64_t process_id() override { return 1; }

 private:
  // A file or directory, however many descriptors have it open, and whether
  // it still has a name or not.
  struct Node {
    bool is_directory = false;
    std::string bytes{};
    int locked_by = -1;  // descriptor
  };

  struct Descriptor {
    std::shared_ptr<Node> node;
    bool writable = false;
  };

  Node* find(const std::string& path);
  OsResult check_parent(const std::string& path);
  void make_parents(const std::string& path);
  OsResult open_node(const std::string& path, OpenMode mode);
  OsResult node_of(int fd, bool to_write, Node*& node);

  mutable std::mutex mutex_;
  // By clean path. The roots are not in it.
  std::map<std::string, std::shared_ptr<Node>> names_;
  std::map<int, Descriptor> open_;
  std::map<const char*, std::unique_ptr<char[]>> maps_;
  std::uint64_t now_ = 1'700'000'000;
  std::uint64_t ticks_ = 0;
  std::uint64_t random_ = 0;
  std::shared_ptr<Node> root_ =
      std::make_shared<Node>(Node{.is_directory = true});
  std::shared_ptr<Node> here_ =
      std::make_shared<Node>(Node{.is_directory = true});
};

/// @returns `path` as an `Image` writes it: `db` for `./db//`. The roots are
///   `/` and `.`.
[[nodiscard]] std::string clean_path(std::string_view path);

/// @returns the directory in which the last part of a clean path is a name;
///   of a root that root.
[[nodiscard]] std::string parent_of_clean(std::string_view path);

}  // namespace strata
