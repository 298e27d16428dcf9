# What Doxygen is shown of a header. Two things differ from the file, and no
# line moves: a diagram or table, which in a comment is indented by three
# spaces or more after an empty line, is indented further so that it stays as
# it is drawn; and a move is described, since it says nothing of its own.

/^ *\/\/\/ *$/ { blank = 1; drawing = 0; print; next }

/^ *\/\/\/   / {
  if (blank || drawing) {
    drawing = 1
    sub(/\/\/\/ /, "///     ")
  }
  blank = 0
  print
  next
}

/^ *[A-Za-z]+\([A-Za-z]+&& [a-z]+\)/ ||
/^ *[A-Za-z]+& operator=\([A-Za-z]+&& [a-z]+\)/ {
  sub(/[^ ]/, "/** Takes over what the other holds. */ &")
}

{ blank = 0; drawing = 0; print }
