#include "overprune/interrupt.hpp"

#include "kernels/look.hpp"

namespace overprune {
namespace {

thread_local const std::function<void()>* current = nullptr;

}  // namespace

Interruptible::Interruptible(const std::function<void()>& poll) : outer_(current) {
  if (poll) current = &poll;
}

Interruptible::~Interruptible() { current = outer_; }

void look() {
  if (current) (*current)();
}

}  // namespace overprune
