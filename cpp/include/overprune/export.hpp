// What a shared library shows of itself: all that the public headers declare.
#pragma once

#if defined(__GNUC__) && !defined(OVERPRUNE_STATIC)
#define OVERPRUNE_PUBLIC __attribute__((visibility("default")))
#else
#define OVERPRUNE_PUBLIC
#endif
