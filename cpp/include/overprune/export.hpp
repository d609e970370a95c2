// The symbols of a shared library: all that the public headers declare between these two macros.
#pragma once

// Not an attribute of the namespace, which Clang does not carry over to definitions elsewhere.
#if defined(__GNUC__) && !defined(OVERPRUNE_STATIC)
#define OVERPRUNE_PUBLIC_BEGIN _Pragma("GCC visibility push(default)")
#define OVERPRUNE_PUBLIC_END _Pragma("GCC visibility pop")
#else
#define OVERPRUNE_PUBLIC_BEGIN
#define OVERPRUNE_PUBLIC_END
#endif
