#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "generator/grammar/schema_compiler.h"
#include "generator/grammar/schema_limits.h"

namespace tandem::grammar {

Address SchemaCompiler::object(const Json& schema, const std::string& path, Address next,
                               int depth) {
  static const Json kAnything = true;
  std::vector<Property> properties;
  std::map<std::string_view, std::size_t> position;
  const auto declared = schema.find("properties");
  if (declared != schema.end()) {
    if (!declared->is_object()) refuse_schema(path, "has 'properties' that are no object");
    for (const auto& [name, inner] : declared->items()) properties.push_back({name, &inner, false});
  }
  const auto additional = schema.find("additionalProperties");
  const bool open = additional != schema.end() ? *additional != false : properties.empty();
  const Json& other = open && additional != schema.end() ? *additional : kAnything;
  for (std::size_t i = 0; i < properties.size(); ++i) position[properties[i].name] = i;
  std::deque<Property> added;  // required, but not declared
  if (const auto required = schema.find("required"); required != schema.end()) {
    if (!required->is_array()) refuse_schema(path, "has a 'required' that is no list");
    for (const Json& name : *required) {
      const auto* key = name.get_ptr<const std::string*>();
      if (key == nullptr) refuse_schema(path, "requires something that is no name");
      if (const auto found = position.find(*key); found != position.end()) {
        if (found->second < properties.size()) properties[found->second].required = true;
        continue;
      }
      if (additional != schema.end() && !open)
        return nothing(
            path, fmt::format("'{}', required and not among the only properties", shortened(*key)));
      position[*key] = properties.size() + added.size();
      added.push_back({*key, &other, true});
    }
  }
  properties.insert(properties.end(), added.begin(), added.end());
  std::vector<std::string> names;
  for (const Property& property : properties) {
    names.push_back(property.name);
    if (property.name.size() > kMaxNameBytes || properties.size() > kMaxProperties)
      throw Error(ErrorCode::kTooLarge,
                  fmt::format("the object at {} has more than {} properties or one whose name has "
                              "more than {} bytes",
                              path, kMaxProperties, kMaxNameBytes),
                  "split the object");
  }

  // From the last property to the first. `first` begins where nothing was written yet, `later`
  // where a comma must come before the next property.
  const Address close = builder_.literal("}", next);
  Address first = close;
  Address later = close;
  if (open) {
    const Address more = builder_.reserve();
    const Address inner = value(other, path + "/additionalProperties", more, depth + 1);
    const Address colon = builder_.separator(':', inner);
    const Address key = names.empty() ? emit_string(0, kUnlimited, colon, builder_)
                                      : emit_other_key(names, colon, builder_);
    const Address afterwards[] = {builder_.separator(',', key), close};
    builder_.define_fork(more, afterwards);
    const Address choice[] = {key, close};
    first = builder_.fork(choice);
    later = more;
  }
  for (std::size_t i = properties.size(); i > 0; --i) {
    const Property& property = properties[i - 1];
    const std::string inner = fmt::format("{}/properties/{}", path, shortened(property.name));
    const Address member =
        builder_.literal(quoted(property.name),
                         builder_.separator(':', value(*property.schema, inner, later, depth + 1)));
    const Address after_comma = builder_.separator(',', member);
    if (property.required) {
      first = member;
      later = after_comma;
    } else {
      const Address now_or_skip[] = {member, first};
      first = builder_.fork(now_or_skip);
      const Address later_or_skip[] = {after_comma, later};
      later = builder_.fork(later_or_skip);
    }
  }
  return builder_.literal("{", first);
}

Address SchemaCompiler::array(const Json& schema, const std::string& path, Address next,
                              int depth) {
  static const Json kAnything = true;
  std::vector<const Json*> prefix;
  const Json* rest = nullptr;
  const auto items = schema.find("items");
  auto tuple = schema.find("prefixItems");
  // Until draft 2019-09 a list of `items` was what `prefixItems` is now.
  if (items != schema.end() && items->is_array()) {
    tuple = items;
  } else if (items != schema.end()) {
    rest = &*items;
  }
  if (tuple != schema.end()) {
    if (!tuple->is_array()) refuse_schema(path, "has 'prefixItems' that are no list");
    for (const Json& item : *tuple) prefix.push_back(&item);
  }
  auto [min, max] = counts(schema, "minItems", "maxItems", path);
  if (min > max) return nothing(path, "'minItems' above 'maxItems'");
  const auto size = static_cast<std::uint32_t>(prefix.size());
  // What follows a tuple may be anything, of which a model should make use only if it must.
  if (rest == nullptr && (size == 0 || min > size)) rest = &kAnything;
  if (rest == nullptr) max = std::min(max, size);

  const Address close = builder_.literal("]", next);
  Address tail = close;  // after the tuple, where a comma must come before the next item
  if (rest != nullptr && max > size) {
    const std::string inner = path + "/items";
    const std::uint32_t least = min > size ? min - size : 0;
    const std::uint32_t most = max == kUnlimited ? kUnlimited : max - size;
    if (size == 0 && least <= 1 && most == kUnlimited) {
      const Address more = builder_.reserve();
      const Address item = value(*rest, inner, more, depth + 1);
      const Address afterwards[] = {builder_.separator(',', item), close};
      builder_.define_fork(more, afterwards);
      const Address begin[] = {item, close};
      return builder_.literal("[", builder_.fork(std::span(begin).first(least == 0 ? 2 : 1)));
    }
    const Address item = value(*rest, inner, builder_.returning(), depth + 1);
    const Address after_comma = builder_.separator(',', item);
    const Address body = size == 0 ? item : after_comma;
    tail = builder_.repeat(
        {.min = least, .max = most, .body = body, .again = after_comma, .exit = close});
    if (size == 0) return builder_.literal("[", tail);
  }
  for (std::size_t i = std::min<std::size_t>(size, max); i > 0; --i) {
    const std::string inner = fmt::format("{}/prefixItems/{}", path, i - 1);
    Address item = value(*prefix[i - 1], inner, tail, depth + 1);
    if (i > 1) item = builder_.separator(',', item);
    const Address go_on_or_end[] = {item, close};
    tail = builder_.fork(std::span(go_on_or_end).first(i > min ? 2 : 1));
  }
  return builder_.literal("[", tail);
}

}  // namespace tandem::grammar
