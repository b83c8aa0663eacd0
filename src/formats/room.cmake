room(formats SOURCES formats/parquet.cc formats/parquet_arrays.cc formats/parquet_reader.cc
     DECODERS formats/csv_values.cc formats/csv.cc formats/gzip.cc
     DEPENDS base model LINKS ZLIB::ZLIB PyArrow::parquet)
unit_test(formats_test SOURCES src/formats/csv_test.cc src/formats/parquet_arrays_test.cc DEPENDS formats)
fuzz_target(csv_reader SOURCES tests/fuzz/csv_reader.cc DEPENDS formats_decoders)
