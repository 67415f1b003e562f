-- Which classes have no kept phrase in a slot that other classes have phrases in?
with used as (select distinct slot from descriptors where rejected = '' and slot not in ('name', 'any')),
described as (select distinct class_name from descriptors where rejected = '')
select u.slot, count(*) as classes, string_agg(c.class_name, ', ' order by c.class_name) as class_names
from used u
cross join described c
where not exists (
    select 1 from descriptors d
    where d.class_name = c.class_name and d.slot = u.slot and d.rejected = ''
)
group by u.slot
order by classes desc, u.slot
