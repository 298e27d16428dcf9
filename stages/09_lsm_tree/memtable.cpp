#include "stages/09_lsm_tree/memtable.h"

#include <algorithm>
#include <new>
#include <utility>

#include "stages/09_lsm_tree/bloom.h"

namespace strata::lsm {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;
constexpr std::uint64_t kFilterShare = 64;  // of what the memtable is to hold
constexpr std::uint64_t kMaxFilterBytes = std::uint64_t{2} << 20;

// How many words of 64 bits a filter has.
std::size_t filter_words(std::uint64_t expected_bytes) {
  const std::uint64_t bytes =
      std::min(expected_bytes / kFilterShare, kMaxFilterBytes);
  return static_cast<std::size_t>(bytes / sizeof(std::uint64_t) + 1);
}

// The bits of a key in its word: four, each by six bits of the hash.
std::uint64_t filter_bits(std::uint64_t hash) {
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < 4; ++i) {
    bits |= std::uint64_t{1} << (hash >> 6 * i & 63U);
  }
  return bits;
}

}  // namespace

char* Arena::allocate(std::size_t size) {
  constexpr std::size_t kAlign = alignof(void*);
  size = (size + kAlign - 1) / kAlign * kAlign;
  bytes_.fetch_add(size, std::memory_order_relaxed);
  if (size > left_) {
    const std::size_t piece = std::max(size, kPieceBytes);
    pieces_.push_back(std::make_unique<char[]>(piece));
    if (piece > kPieceBytes) return pieces_.back().get();
    next_ = pieces_.back().get();
    left_ = piece;
  }
  left_ -= size;
  return std::exchange(next_, next_ + size);
}

// In memory, its links to the nodes behind it, one a level, stand behind it, and
// behind those its key and its value.
struct Memtable::Node {
  std::uint64_t sequence;
  const char* bytes;
  std::uint32_t value_size;
  std::uint16_t key_size;
  bool is_tombstone;

  [[nodiscard]] std::atomic<Node*>& link(unsigned level) {
    return reinterpret_cast<std::atomic<Node*>*>(this + 1)[level];
  }

  [[nodiscard]] std::string_view key() const { return {bytes, key_size}; }

  [[nodiscard]] Entry entry() const {
    return {key(), {bytes + key_size, value_size}, is_tombstone};
  }

  // Whether it stands before the newest entry of `other` as of a moment.
  [[nodiscard]] bool is_before(std::string_view other,
                               std::uint64_t as_of) const {
    const int order = key().compare(other);
    return order != 0 ? order < 0 : sequence > as_of;
  }
};

Memtable::Memtable(std::uint64_t expected_bytes)
    : filter_(filter_words(expected_bytes)),
      head_(make_node(0, {}, kMaxHeight)),
      empty_bytes_(arena_.bytes()) {}

Memtable::Node* Memtable::following(const Node* node, unsigned level) {
  return const_cast<Node*>(node)->link(level).load(std::memory_order_acquire);
}

Memtable::Node* Memtable::make_node(std::uint64_t sequence, const Entry& entry,
                                    unsigned height) {
  const std::size_t links = height * sizeof(std::atomic<Node*>);
  const std::size_t bytes = entry.key.size() + entry.value.size();
  char* const memory = arena_.allocate(sizeof(Node) + links + bytes);
  char* const at = memory + sizeof(Node) + links;
  std::copy(entry.value.begin(), entry.value.end(),
            std::copy(entry.key.begin(), entry.key.end(), at));
  Node* const node = new (memory)
      Node{sequence, at, static_cast<std::uint32_t>(entry.value.size()),
           static_cast<std::uint16_t>(entry.key.size()), entry.is_tombstone};
  for (unsigned level = 0; level < height; ++level) {
    new (&node->link(level)) std::atomic<Node*>(nullptr);
  }
  return node;
}

// The upper half of the hash, scaled to the number of words.
std::size_t Memtable::word_of(std::uint64_t hash) const {
  return static_cast<std::size_t>((hash >> 32U) * filter_.size() >> 32U);
}

bool Memtable::may_hold(std::uint64_t hash) const {
  const std::uint64_t bits = filter_bits(hash);
  return (filter_[word_of(hash)].load(std::memory_order_relaxed) & bits) ==
         bits;
}

// One more with one chance in four; by xorshift, which needs no lock.
unsigned Memtable::random_height() {
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 17U;
  random_ ^= random_ << 5U;
  unsigned height = 1;
  for (std::uint32_t rest = random_; rest % 4 == 0 && height < kMaxHeight;
       rest /= 4) {
    ++height;
  }
  return height;
}

// The last node that is `before`, as all in front of it are: the head, if no
// other is. The last such node of each level is put into `path`.
template <typename Before>
Memtable::Node* Memtable::find_last(const Before& before, Path* path) const {
  Node* node = head_;
  for (unsigned level = height_.load(std::memory_order_relaxed); level > 0;) {
    --level;
    Node* next = following(node, level);
    while (next != nullptr && before(*next)) {
      node = next;
      next = following(node, level);
    }
    if (path != nullptr) (*path)[level] = node;
  }
  return node;
}

// The first node that is not before the newest entry of `key` as of a moment.
// What has been put in front of that since the search came by is passed over.
Memtable::Node* Memtable::find(std::string_view key, std::uint64_t as_of,
                               Path* path) const {
  const auto before = [&](const Node& node) {
    return node.is_before(key, as_of);
  };
  Node* node = following(find_last(before, path), 0);
  while (node != nullptr && before(*node)) node = following(node, 0);
  return node;
}

const Memtable::Node* Memtable::last_before(std::string_view key) const {
  const Node* node =
      find_last([&](const Node& each) { return each.key() < key; }, nullptr);
  return node == head_ ? nullptr : node;
}

const Memtable::Node* Memtable::last() const {
  const Node* node = find_last([](const Node&) { return true; }, nullptr);
  return node == head_ ? nullptr : node;
}

void Memtable::add(std::uint64_t sequence, const Entry& entry) {
  Path path;
  path.fill(head_);
  static_cast<void>(find(entry.key, sequence, &path));
  const unsigned height = random_height();
  if (height > height_.load(std::memory_order_relaxed)) {
    height_.store(height, std::memory_order_relaxed);
  }
  const std::uint64_t hash = bloom_hash(entry.key);
  filter_[word_of(hash)].fetch_or(filter_bits(hash), std::memory_order_relaxed);
  Node* const node = make_node(sequence, entry, height);
  for (unsigned level = 0; level < height; ++level) {
    node->link(level).store(following(path[level], level),
                            std::memory_order_relaxed);
    path[level]->link(level).store(node, std::memory_order_release);
  }
}

Found Memtable::get(std::string_view key, std::uint64_t hash,
                    std::uint64_t as_of, std::string& value) const {
  if (!may_hold(hash)) return Found::kNothing;
  const Node* node = find(key, as_of);
  if (node == nullptr || node->key() != key) return Found::kNothing;
  const Entry entry = node->entry();
  if (entry.is_tombstone) return Found::kTombstone;
  value = entry.value;
  return Found::kValue;
}

MemtableCursor::MemtableCursor(std::shared_ptr<const Memtable> memtable,
                               std::uint64_t as_of)
    : memtable_(std::move(memtable)), as_of_(as_of) {}

bool MemtableCursor::show(const Memtable::Node* node) {
  node_ = node;
  if (node != nullptr) entry_ = node->entry();
  return node != nullptr;
}

// The first entry from `node` on that counts.
bool MemtableCursor::show_from(const Memtable::Node* node) {
  while (node != nullptr && node->sequence > as_of_) {
    node = Memtable::following(node, 0);
  }
  return show(node);
}

// The entry that counts of the node's key, or of the last one before it that
// has one.
bool MemtableCursor::show_until(const Memtable::Node* node) {
  while (node != nullptr) {
    const Memtable::Node* newest = memtable_->find(node->key(), as_of_);
    if (newest != nullptr && newest->key() == node->key()) return show(newest);
    node = memtable_->last_before(node->key());
  }
  return show(nullptr);
}

bool MemtableCursor::seek(std::string_view key) {
  return show_from(memtable_->find(key, as_of_));
}

bool MemtableCursor::seek_before(std::string_view key) {
  return show_until(memtable_->last_before(key));
}

bool MemtableCursor::seek_last() {
  return show_until(memtable_->last());
}

bool MemtableCursor::next() {
  const std::string_view left = node_->key();
  const Memtable::Node* node = node_;
  do {
    node = Memtable::following(node, 0);
  } while (node != nullptr && (node->sequence > as_of_ || node->key() == left));
  return show(node);
}

bool MemtableCursor::prev() {
  return show_until(memtable_->last_before(node_->key()));
}

}  // namespace strata::lsm
