/* Objects of the runtime's hot functions for the three levels, as bytes of the compiler. HOT_V2, HOT_V3 and
 * HOT_V4 are file names. */
  .macro object name, file
  .global \name, \name\()_end
  .hidden \name, \name\()_end
  .balign 16
\name:
  .incbin "\file"
\name\()_end:
  .endm

  .section .rodata
  object cg_hot_v2, HOT_V2
  object cg_hot_v3, HOT_V3
  object cg_hot_v4, HOT_V4
  .byte 0
  .section .note.GNU-stack, "", @progbits
