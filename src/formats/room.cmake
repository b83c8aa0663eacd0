room(formats SOURCES formats/csv_values.cc formats/csv.cc formats/gzip.cc
     DEPENDS base model LINKS ZLIB::ZLIB)
unit_test(formats_test SOURCES src/formats/csv_test.cc DEPENDS formats)
